"""Loads private keys and the public keys of certificates, in time proportional to their length.

The `cryptography` package tests an RSA key's factors for primality, which takes a minute at 16,384
bits and hours for a factor that is longer than it should be. It tests the group of a Diffie-Hellman
key as thoroughly, though no certificate has such a key. A signature check takes 10 ms if the public
exponent is as long as the modulus.
"""

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import Certificate

from sync.projection.ber import SEQUENCE, element

_MOST_BITS = 16_384  # of an RSA key; OpenSSL verifies with no longer one
_MOST_EXPONENT_BITS = 64  # OpenSSL's limit for keys over 3,072 bits; other libraries allow 32
_ALGORITHMS = frozenset(
    {
        "1.2.840.113549.1.1.1",  # RSA
        "1.2.840.113549.1.1.10",  # RSASSA-PSS
        "1.2.840.10045.2.1",  # elliptic curves
        "1.3.101.112",  # Ed25519
        "1.3.101.113",  # Ed448
        *(f"2.16.840.1.101.3.4.3.{end}" for end in (17, 18, 19)),  # ML-DSA
    }
)
"""The algorithms of certificates' keys."""


def load_private_key(der: bytes) -> PrivateKeyTypes:
    """Load a private key; raises one of the library's errors for a bad one.

    Nothing is tested for primality: that the key's numbers fit each other and the certificate is
    enough.
    """
    _, algorithm, *_ = element(der).parts()
    if algorithm.tag == SEQUENCE and algorithm.parts()[0].oid() not in _ALGORITHMS:
        raise ValueError("no key of a certificate")
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, RSAPrivateKey) and not _fits(key.private_numbers()):
        raise ValueError("no key")
    return key


def public_key(certificate: Certificate) -> CertificatePublicKeyTypes:
    """Return a certificate's public key; raises one of the library's errors for a bad one."""
    if certificate.public_key_algorithm_oid.dotted_string not in _ALGORITHMS:
        raise ValueError("no key of a certificate")
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and not _is_usual(key.public_numbers()):
        raise ValueError("no key that is used")
    return key


def _is_usual(key: RSAPublicNumbers) -> bool:
    return key.n.bit_length() <= _MOST_BITS and key.e.bit_length() <= _MOST_EXPONENT_BITS


def _fits(key: RSAPrivateNumbers) -> bool:
    n, e = key.public_numbers.n, key.public_numbers.e
    if not _is_usual(key.public_numbers) or min(key.p, key.q) <= 1 or key.p * key.q != n:
        return False
    return (
        all(e * key.d % (prime - 1) == 1 for prime in (key.p, key.q))
        and (key.dmp1, key.dmq1) == (key.d % (key.p - 1), key.d % (key.q - 1))
        and key.iqmp * key.q % key.p == 1
    )
