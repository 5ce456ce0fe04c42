"""Tells the algorithms of keys apart, with their parameters, and loads public keys.

The `cryptography` package compares the numbers of keys alone, and knows explicit parameters of
three curves only. https://www.rfc-editor.org/rfc/rfc3279 https://www.rfc-editor.org/rfc/rfc4055
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP192R1,
    SECP224R1,
    SECP256K1,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    BrainpoolP256R1,
    BrainpoolP384R1,
    BrainpoolP512R1,
    EllipticCurve,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sync.projection.ber import NULL, OID, Element

RSA, RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
EC, ED25519, ED448 = "1.2.840.10045.2.1", "1.3.101.112", "1.3.101.113"
ML_DSA = frozenset(f"2.16.840.1.101.3.4.3.{end}" for end in (17, 18, 19))
_KNOWN = {RSA, RSA_PSS, EC, ED25519, ED448, *ML_DSA}
"""The algorithms of certificates' keys. Loading others may cost minutes: the library looks for
primes in a Diffie-Hellman key."""

_MOST_BITS = 16_384  # of an RSA key; OpenSSL verifies with no longer one
_MOST_EXPONENT_BITS = 64  # OpenSSL's limit for keys over 3,072 bits; other libraries allow 32

_CURVES: Mapping[str, EllipticCurve] = {
    "1.2.840.10045.3.1.1": SECP192R1(),
    "1.3.132.0.33": SECP224R1(),
    "1.2.840.10045.3.1.7": SECP256R1(),
    "1.3.132.0.34": SECP384R1(),
    "1.3.132.0.35": SECP521R1(),
    "1.3.132.0.10": SECP256K1(),
    "1.3.36.3.3.2.8.1.1.7": BrainpoolP256R1(),
    "1.3.36.3.3.2.8.1.1.11": BrainpoolP384R1(),
    "1.3.36.3.3.2.8.1.1.13": BrainpoolP512R1(),
}
_EQUATIONS: Mapping[str, str] = {
    "8b83b1cc4e076d6c590ab50ecfbf4461296426e85037f107deb44148403c7930": "1.2.840.10045.3.1.1",
    "d6583d3c9fe192df88cd0af2d77469e462e35b876cca9c9375b09311273d5fc4": "1.3.132.0.33",
    "caecebb68c880263da6b67d52d763b714de589d8c768bfdf135e170d4dddedcc": "1.2.840.10045.3.1.7",
    "bb9c67d28bbf292cf058272ee8e32b4f4df6c3f6a56a585a5103edfc8e6e9c20": "1.3.132.0.34",
    "ee2bbfc45dd22ca361d4ad19356296f284efaddc009efd033ba1497b3cf438d5": "1.3.132.0.35",
    "a92d2ac4b642a026804e051866e0249e2106ab327f4ff5a5fb6b6efda2807d6f": "1.3.132.0.10",
    "94e5ffa61dcb7509fb79f5d70cdd06c2b8f1ac3f6601260d45635791e8695615": "1.3.36.3.3.2.8.1.1.7",
    "d902b02995117541cf8dff600f48d60eaad92809bd23681588ab65223ac80b67": "1.3.36.3.3.2.8.1.1.11",
    "33a2139dd247392ecf44530abce9141fb109f6350f819ddd0f3519c92abc1fb9": "1.3.36.3.3.2.8.1.1.13",
}
"""The digests of the curves' numbers: the prime, both coefficients and the order."""
_PRIME_FIELD = "1.2.840.10045.1.1"


class OddKey(ValueError):
    """A key that is not read; `fault` continues "whose key" and quotes nothing."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What a key is for: equal if a TLS library takes a key and a certificate for a pair.

    `parameters` are those of RSASSA-PSS as encoded, or the identifier of the curve.
    """

    oid: str
    parameters: str | bytes = ""
    explicit: bool = field(default=False, compare=False)
    """Whether the curve is given by its numbers instead of its name."""

    @property
    def curve(self) -> EllipticCurve:
        """The elliptic curve; raises KeyError for another kind of key."""
        return _CURVES[str(self.parameters)]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key with its algorithm, which its numbers alone do not tell."""

    algorithm: Algorithm
    numbers: PublicKeyTypes


def read_algorithm(algorithm: Element) -> Algorithm:
    """Read the algorithm of a key; raises OddKey, or ValueError if it is none."""
    kind, *parameters = algorithm.parts()
    oid = kind.oid()
    if len(parameters) > 1:
        raise ValueError("more parameters than any key has")
    if oid not in _KNOWN:
        raise OddKey(f"is of the algorithm {oid}, which is not read")
    if oid == RSA and not (parameters and parameters[0].tag != NULL):
        return Algorithm(oid)
    if oid == RSA_PSS:
        return Algorithm(oid, parameters[0].raw if parameters else b"")
    if oid == EC and parameters:
        return read_curve(parameters[0])
    if oid == EC or parameters:
        raise OddKey(f"is of the algorithm {oid} without its parameters, or with wrong ones")
    return Algorithm(oid)


def read_curve(parameters: Element) -> Algorithm:
    """Read which curve the parameters name, or describe; raises OddKey or ValueError."""
    named = parameters.tag == OID
    curve = parameters.oid() if named else _curve_of(parameters)
    if curve not in _CURVES:
        raise OddKey(f"is on the elliptic curve {curve}, which is not read")
    return Algorithm(EC, curve, explicit=not named)


def read_public_key(info: Element) -> PublicKey:
    """Read a SubjectPublicKeyInfo; raises OddKey, or one of the library's errors."""
    stated, bits = info.parts()
    algorithm = read_algorithm(stated)
    if algorithm.oid == EC:
        point = EllipticCurvePublicKey.from_encoded_point(algorithm.curve, bits.bits())
        return PublicKey(algorithm, point)
    key = load_der_public_key(info.raw)
    if isinstance(key, RSAPublicKey) and not is_usual(key.public_numbers()):
        raise OddKey("has more bits, or a longer exponent, than are read")
    return PublicKey(algorithm, key)


def is_usual(key: RSAPublicNumbers) -> bool:
    """Return whether a key is short enough: a check takes 10 ms if the exponent is as long."""
    return key.n.bit_length() <= _MOST_BITS and key.e.bit_length() <= _MOST_EXPONENT_BITS


def _curve_of(parameters: Element) -> str:
    """Return the name of the curve that has these numbers; raises OddKey if none is known.

    A curve with its own generator is another one, by which anybody could make a key that fits.
    """
    version, field_of, curve, generator, order, *_cofactor = parameters.parts()
    kind, prime = field_of.parts()
    a, b, *_seed = curve.parts()
    version.number()
    if kind.oid() == _PRIME_FIELD:
        coefficients = (int.from_bytes(each.octets()) for each in (a, b))
        numbers = (prime.number(), *coefficients, order.number())
        digest = sha256(",".join(f"{each:x}" for each in numbers).encode()).hexdigest()
        name = _EQUATIONS.get(digest)
        if name is not None and _is_generator(_CURVES[name], generator.octets()):
            return name
    raise OddKey("is on an elliptic curve whose explicit parameters are none that is known")


def _is_generator(curve: EllipticCurve, encoded: bytes) -> bool:
    own = derive_private_key(1, curve).public_key()
    return EllipticCurvePublicKey.from_encoded_point(curve, encoded) == own
