"""Reads private keys into PKCS#8 without changing what they are, in time bounded by their length.

The `cryptography` package writes an RSA-PSS key as an RSA key and explicit parameters as a named
curve, so nothing that it loads is written. It tests an RSA key's factors for primality, which takes
a minute at 16,384 bits and hours for a factor that is longer than it should be: that the numbers
fit each other and the certificate is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import load_der_private_key

from sync.projection.ber import INTEGER, NULL, OCTETS, OID, SEQUENCE, Element, element, tlv
from sync.projection.key_algorithms import (
    EC,
    OddKey,
    PublicKey,
    is_usual,
    read_algorithm,
    read_curve,
)

_ATTRIBUTES, _PUBLIC_KEYS = 0xA0, (0x81, 0xA1)
_PARAMETERS, _POINT = 0xA0, 0xA1
_RSA_ALGORITHM = tlv(SEQUENCE, tlv(OID, bytes.fromhex("2a864886f70d010101")), tlv(NULL))
_EC_IDENTIFIER = tlv(OID, bytes.fromhex("2a8648ce3d0201"))
_VERSION_1 = tlv(INTEGER, b"\0")
_LONGEST_SCALAR = 256
_NO_PARAMETERS = OddKey("does not say which elliptic curve it is on")


class LockedKey(ValueError):
    """A key that is encrypted."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key: its PKCS#8 as it is to be written, and its public half."""

    der: bytes = field(repr=False)
    public: PublicKey


def read_private_key(der: bytes, curve: bytes | None = None) -> PrivateKey:
    """Read PKCS#8, PKCS#1 or SEC1, whose curve may be given apart from it.

    PKCS#8 stays as it is but for the public key of version 2, which OpenSSL before 3.5 refuses.
    Raises LockedKey, OddKey, or one of the library's errors for a bad one.
    """
    pkcs8 = _pkcs8(element(der, strict=True), curve)
    _, algorithm, octets, *_ = element(pkcs8, strict=True).parts()
    kind = read_algorithm(algorithm)
    if kind.oid == EC:
        return PrivateKey(pkcs8, _elliptic(algorithm, octets.octets()))
    key = load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, RSAPrivateKey) and not _fits(key.private_numbers()):
        raise ValueError("no key")
    return PrivateKey(pkcs8, PublicKey(kind, key.public_key()))


def _pkcs8(key: Element, curve: bytes | None) -> bytes:
    first, second, *rest = key.parts()
    if first.tag == SEQUENCE and second.tag == OCTETS and not rest:
        raise LockedKey
    if second.tag == SEQUENCE:
        return _version_1(key, second, rest)
    if second.tag == INTEGER:
        return tlv(SEQUENCE, _VERSION_1, _RSA_ALGORITHM, tlv(OCTETS, key.raw))
    stated = [each.content for each in rest if each.tag == _PARAMETERS]
    parameters = stated[0] if stated else curve
    if parameters is None:
        raise _NO_PARAMETERS
    others = [each.raw for each in rest if each.tag != _PARAMETERS]
    return tlv(
        SEQUENCE,
        _VERSION_1,
        tlv(SEQUENCE, _EC_IDENTIFIER, parameters),
        tlv(OCTETS, tlv(SEQUENCE, first.raw, second.raw, *others)),
    )


def _version_1(key: Element, algorithm: Element, rest: Sequence[Element]) -> bytes:
    version = key.parts()[0].number()
    octets, *more = rest
    attributes = [each.raw for each in more if each.tag == _ATTRIBUTES]
    public = [each for each in more if each.tag in _PUBLIC_KEYS]
    if version > 1 or len(more) != len(attributes) + len(public):
        raise ValueError("a later version")
    if not version and not public:
        return key.raw
    return tlv(SEQUENCE, _VERSION_1, algorithm.raw, octets.raw, *attributes)


def _elliptic(algorithm: Element, encoded: bytes) -> PublicKey:
    """Derive the public key (RFC 5915); the library takes neither short nor padded numbers."""
    kind = read_algorithm(algorithm)
    version, scalar, *rest = element(encoded, strict=True).parts()
    if version.number() != 1 or len(scalar.octets()) > _LONGEST_SCALAR:
        raise ValueError("no key")
    key = derive_private_key(int.from_bytes(scalar.octets()), kind.curve)
    public = key.public_key()
    for each in rest:
        (held,) = each.parts(each.tag)
        if each.tag == _PARAMETERS:
            fits = read_curve(held).parameters == kind.parameters
        else:
            each.expect(_POINT)
            point = EllipticCurvePublicKey.from_encoded_point(kind.curve, held.bits())
            fits = point == public
        if not fits:
            raise ValueError("parts of different keys")
    return PublicKey(kind, public)


def _fits(key: RSAPrivateNumbers) -> bool:
    n, e = key.public_numbers.n, key.public_numbers.e
    if not is_usual(key.public_numbers) or min(key.p, key.q) <= 1 or key.p * key.q != n:
        return False
    return (
        all(e * key.d % (prime - 1) == 1 for prime in (key.p, key.q))
        and (key.dmp1, key.dmq1) == (key.d % (key.p - 1), key.d % (key.q - 1))
        and key.iqmp * key.q % key.p == 1
    )
