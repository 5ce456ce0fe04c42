"""Keys, certificate chains and the bundles that they come in."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from local.authority import ca_usage

PKCS12 = "application/x-pkcs12"
PEM = "application/x-pem-file"

type Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_DATA = "2a864886f70d010701"
_BAGS = "2a864886f70d010c0a01"
_KEY_BAG, _CERTIFICATE_BAG, _SECRET_BAG = _BAGS + "01", _BAGS + "03", _BAGS + "05"
_X509 = "2a864886f70d01091601"


@dataclass(frozen=True)
class Chain:
    """A key and its certificates, the leaf first, the root last."""

    key: Key
    certificates: tuple[x509.Certificate, ...]


@cache
def key_of(kind: str, number: int = 0) -> Key:  # noqa: ARG001 - keys apart in the cache
    """Return the same key for the same words: RSA-SIZE, Ed25519 or the name of a curve."""
    if kind.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {
        "P-192": ec.SECP192R1(),
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
        "P-256K": ec.SECP256K1(),
    }
    return ec.generate_private_key(curves[kind])


def certify(  # noqa: PLR0913 - what a certificate says
    subject: str, key: Key, issuer: str, by: Key, *, until: int = 2100, since: int = 2020
) -> x509.Certificate:
    """Issue a certificate that may issue others; `since` and `until` are years."""
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(since, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(ca_usage(), critical=True)
        .sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else SHA256())
    )


def signed_with_sha1(certificate: x509.Certificate, by: Key) -> x509.Certificate:
    """Sign a certificate of SHA-256 and RSA-2048 anew, as roots of old are."""
    assert isinstance(by, rsa.RSAPrivateKey)
    new, old = (bytes.fromhex("2a864886f70d0101" + end) for end in ("0b", "05"))
    der = certificate.public_bytes(Encoding.DER).replace(new, old)
    signed = certificate.tbs_certificate_bytes.replace(new, old)
    signature = by.sign(signed, padding.PKCS1v15(), SHA1())  # noqa: S303 - that is the point
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)


@cache
def chain_of(kind: str, length: int) -> Chain:
    """Return a chain of that many certificates; one alone is self-signed."""
    keys = [key_of(kind, number) for number in range(length)]
    links = list(pairwise([*enumerate(keys), (length - 1, keys[-1])]))
    return Chain(
        key=keys[0],
        certificates=tuple(
            certify(f"link {number}", key, f"link {above}", by)
            for (number, key), (above, by) in links
        ),
    )


def pem(*certificates: x509.Certificate) -> str:
    """Write certificates as PEM, one after the other."""
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


def key_pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """Write a key as unencrypted PEM."""
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def pfx(key: Key | None, certificates: Sequence[x509.Certificate]) -> bytes:
    """Write a password-less PKCS#12 with a MAC, the first certificate as the key's."""
    first, *rest = certificates
    if key is None:
        return serialize_key_and_certificates(None, None, None, certificates, NoEncryption())
    return serialize_key_and_certificates(None, key, first, rest, NoEncryption())


def bare_pfx(
    keys: Iterable[Key | x25519.X25519PrivateKey], certificates: Iterable[x509.Certificate]
) -> bytes:
    """Write a PKCS#12 without MAC, ids and encryption, with a bag of another kind."""
    pkcs8 = (each.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) for each in keys)
    ders = (each.public_bytes(Encoding.DER) for each in certificates)
    note = sequence(oid(_DATA), tlv(0xA0, tlv(0x04, b"a note")))
    bags = [
        sequence(oid(_SECRET_BAG), tlv(0xA0, note)),
        *(
            sequence(
                oid(_CERTIFICATE_BAG),
                tlv(0xA0, sequence(oid(_X509), tlv(0xA0, tlv(0x04, der)))),
            )
            for der in ders
        ),
        *(sequence(oid(_KEY_BAG), tlv(0xA0, der)) for der in pkcs8),
    ]
    safe = safe_data(sequence(*bags))
    return sequence(tlv(0x02, b"\x03"), safe_data(sequence(safe)))


def with_mac_password(bundle: bytes, password: bytes) -> bytes:
    """Seal what `pfx` wrote anew; the password is UTF-16 with its closing zero, or nothing.

    The key derivation and the MAC are those of RFC 7292, appendix B and section 4.
    """
    digest, salt, rounds = bundle[-46:-14], bundle[-12:-4], int.from_bytes(bundle[-2:])
    start = bundle.index(bytes.fromhex(_DATA)) + 9
    start += 4 + 4
    content = bundle[start : start + int.from_bytes(bundle[start - 2 : start])]

    def mac(word: bytes) -> bytes:
        block = b"\x03" * 64 + salt * 8 + (word * 64)[: 64 if word else 0]
        for _ in range(rounds):
            block = hashlib.sha256(block).digest()
        return hmac.digest(block, content, "sha256")

    assert digest in {mac(b""), mac(b"\0\0")}
    return bundle[:-46] + mac(password) + bundle[-14:]


def text_of(bundle: bytes) -> str:
    """Write a PKCS#12 as Key Vault does."""
    return b64encode(bundle).decode()


def pem_block(label: str, der: bytes) -> str:
    """Write one block of PEM."""
    return f"-----BEGIN {label}-----\n{text_of(der)}\n-----END {label}-----\n"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def tlv(tag: int, *parts: bytes) -> bytes:
    """Write an element of DER."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    """Write a sequence."""
    return tlv(0x30, *parts)


def oid(digits: str) -> bytes:
    """Write an object identifier, given in hexadecimal digits."""
    return tlv(0x06, bytes.fromhex(digits))


def safe_data(content: bytes) -> bytes:
    """Write content that is not encrypted, as PKCS#7 does."""
    return sequence(oid(_DATA), tlv(0xA0, tlv(0x04, content)))
