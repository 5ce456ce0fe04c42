"""The value of the secret behind a certificate: key and chain as Key Vault writes them."""

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


def new_certificate(common_name: str, made: datetime | None = None) -> str:
    """Create a key and its certificate, now or as at `made`; return the PKCS#12 in base64.

    It has no password. It also contains an issuing authority and its root, in no useful order.
    """
    begins = (made or datetime.now(UTC)) - timedelta(minutes=5)
    root, issuing, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authorities = [
        _issued("Some Root", root, "Some Root", root, begins, authority=True),
        _issued("Some Issuer", issuing, "Some Root", root, begins, authority=True),
    ]
    certificate = _issued(common_name, leaf, "Some Issuer", issuing, begins, authority=False)
    return b64encode(
        serialize_key_and_certificates(None, leaf, certificate, authorities, NoEncryption())
    ).decode()


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
