"""The value of the secret behind a certificate: key and chain as Key Vault writes them."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    load_key_and_certificates,
    serialize_key_and_certificates,
)

type _Key = ec.EllipticCurvePrivateKey

_LIFETIME = timedelta(days=30)
_ROUNDS = (1, 2_000)
"""Of the seals of Key Vault's own bundles, as recordings of the service have them."""
_SALT = b"an own one, 20 bytes"
_DATA = bytes.fromhex("06092a864886f70d010701")
_SHA1 = bytes.fromhex("300906052b0e03021a0500")


def new_certificate(
    common_name: str, rounds: int = _ROUNDS[1], made: datetime | None = None
) -> str:
    """Create a key and its certificate, now or as at `made`; return the PKCS#12 in base64.

    It has no password. It also contains an issuing authority and its root, in no useful order. Like
    the service's, its seal is of SHA-1, by 1 or 2,000 `rounds`.
    """
    begins = (made or datetime.now(UTC)) - timedelta(minutes=5)
    root, issuing, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authorities = [
        _issued("Some Root", root, "Some Root", root, begins, authority=True),
        _issued("Some Issuer", issuing, "Some Root", root, begins, authority=True),
    ]
    certificate = _issued(common_name, leaf, "Some Issuer", issuing, begins, authority=False)
    bundle = serialize_key_and_certificates(None, leaf, certificate, authorities, NoEncryption())
    return b64encode(_sealed_anew(bundle, rounds)).decode()


def _sealed_anew(bundle: bytes, rounds: int) -> bytes:
    """Replace the seal, which the library makes with SHA-1 only if there is a password."""
    start = bundle.index(_DATA)
    octets = bundle.index(b"\x04\x82", start)
    content = bundle[octets + 4 : octets + 4 + int.from_bytes(bundle[octets + 2 : octets + 4])]
    wrapped = _tlv(0x30, _DATA, _tlv(0xA0, _tlv(0x04, content)))
    mac = hmac.digest(_mac_key(rounds), content, "sha1")
    # rounds are left out if they are one, as RFC 7292 demands of a default
    stated = _tlv(0x02, rounds.to_bytes(2)) if rounds > 1 else b""
    seal = _tlv(0x30, _tlv(0x30, _SHA1, _tlv(0x04, mac)), _tlv(0x04, _SALT), stated)
    return _tlv(0x30, _tlv(0x02, b"\3"), wrapped, seal)


def _mac_key(rounds: int) -> bytes:
    """Derive the key of the empty password (RFC 7292, appendix B)."""
    block = 64
    salt = (_SALT * block)[:block]
    key = b"\3" * block + salt + bytes(block)
    for _ in range(rounds):
        key = hashlib.sha1(key).digest()  # noqa: S324 - the service's own choice
    return key


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = (len(body).bit_length() + 7) // 8
    length = bytes([len(body)]) if len(body) < 0x80 else bytes([0x80 | size])  # noqa: PLR2004
    return bytes([tag]) + length + (len(body).to_bytes(size) if len(body) > 0x7F else b"") + body  # noqa: PLR2004


def period(value: str) -> tuple[int, int] | None:
    """Return when the first certificate of a value begins and ends to be valid, in epoch seconds.

    None for a value that holds no certificate that can be read.
    """
    try:
        if "-----BEGIN" in value:
            certificate: x509.Certificate | None = x509.load_pem_x509_certificate(value.encode())
        else:
            _, certificate, _ = load_key_and_certificates(b64decode(value), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if certificate is None:
        return None
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return max(0, int(begins.timestamp())), int(ends.timestamp())


def _issued(  # noqa: PLR0913 - a certificate has this many parts
    subject: str, key: _Key, issuer: str, by: _Key, begins: datetime, *, authority: bool
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(by, SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
