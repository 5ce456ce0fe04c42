"""A certificate's backing secret to its key, its chain and its authority, all in PEM."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
)
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509 import (
    Certificate,
    InvalidVersion,
    SignatureAlgorithmOID,
    load_der_x509_certificate,
    load_pem_x509_certificate,
)

from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.projection.pkcs12.ber import SEQUENCE, element
from sync.projection.pkcs12.bundle import MOST_ROUNDS, Contents, Locked, TooDear, open_pkcs12

_PKCS12 = "application/x-pkcs12"
_PEM = "application/x-pem-file"
_MOST_CERTIFICATES = 32
_BEGIN = "-----BEGIN "
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----).)*-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_KEY_LABEL = "PRIVATE KEY"
_PEM_LINES = re.compile(r"-----[^-]*-----|\s+")
_MOST_BITS = 16_384  # of an RSA key; OpenSSL verifies with no longer one
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
"""Of keys that certificates have."""
_ODD = (InternalError, InvalidVersion, TypeError, UnsupportedAlgorithm, ValueError)
"""What the library raises for input that it cannot take, found by mutating good bundles."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a certificate's secret holds, as PEM.

    `certificate` is the leaf and then its issuers, each signed by the next. `key` is PKCS#8,
    unencrypted. `authority` is the top of the chain: the root, or the last issuer of a bundle that
    lacks it; a self-signed leaf is its own, and a leaf without its issuer has none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes | None


type _Parts = tuple[PrivateKeyTypes, list[Certificate]]


def read_bundle(name: str, text: str, content_type: str, *, keep_root: bool) -> Bundle:
    """Read a password-less PKCS#12 (in base64) or a PEM bundle; raises Permanent.

    The order of the bundle does not matter. Certificates outside the leaf's chain are dropped,
    expired ones are not. Of issuers that fit alike, the one whose chain ends in a self-signed root
    of the bundle is taken, then the one that is valid for longer.
    """
    is_pem = content_type == _PEM or (content_type != _PKCS12 and _BEGIN in text)
    key, certificates = _read_pem(name, text) if is_pem else _read_pkcs12(name, text)
    chain = _chain(key, certificates)
    if not chain:
        raise Permanent(
            Reason.CERTIFICATE_MISMATCH,
            f"Certificate {name!r} holds no certificate that belongs to its private key: import "
            "the two that belong together.",
        )
    top = chain[-1].public_bytes(Encoding.PEM)
    alone, rooted = len(chain) == 1, _issued(chain[-1], chain[-1])
    served = chain if keep_root or alone or not rooted else chain[:-1]
    return Bundle(
        certificate=b"".join(each.public_bytes(Encoding.PEM) for each in served),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        authority=None if alone and not rooted else top,
    )


def _read_pkcs12(name: str, text: str) -> _Parts:
    found, refused = Contents(), _unreadable(name)
    try:
        found = open_pkcs12(b64decode("".join(text.split()), validate=True))
    except Locked:
        refused = _encrypted(name)
    except TooDear:
        refused = _dear(name)
    except (LookupError, *_ODD):
        pass
    else:
        refused = _keyless(name)
    keys = set(found.keys)  # what is wrong is told outside of the except clauses: it may quote
    if not keys:
        raise refused
    if len(keys) > 1:
        raise _ambiguous(name)
    return _loaded(name, keys.pop(), found.certificates, load_der_x509_certificate)


def _read_pem(name: str, text: str) -> _Parts:
    blocks = [(found[1], found[0]) for found in _BLOCK.finditer(text.replace("\\n", "\n"))]
    if not blocks or len(blocks) != text.count(_BEGIN):
        raise _unreadable(name)
    keys = {block for label, block in blocks if label.endswith(_KEY_LABEL)}
    if not keys:
        raise _keyless(name)
    if any("ENCRYPTED" in block for block in keys):
        raise _encrypted(name)
    if len(keys) > 1:
        raise _ambiguous(name)
    certificates = [  # what cannot be encoded is no base64 either
        block.encode(errors="replace") for label, block in blocks if label in _CERTIFICATE_LABELS
    ]
    return _loaded(name, keys.pop(), certificates, load_pem_x509_certificate)


def _loaded(
    name: str,
    key: str | bytes,
    certificates: Sequence[bytes],
    load: Callable[[bytes], Certificate],
) -> _Parts:
    """Load a key, PEM or DER, and the certificates beside it."""
    if len(certificates) > _MOST_CERTIFICATES:
        raise Permanent(
            Reason.CERTIFICATE_UNREADABLE,
            f"Certificate {name!r} comes with more than {_MOST_CERTIFICATES} certificates: import "
            "it with its own chain alone.",
        )
    with suppress(LookupError, *_ODD):
        der = key if isinstance(key, bytes) else b64decode(_PEM_LINES.sub("", key), validate=True)
        return _key(der), [load(each) for each in certificates]
    raise _unreadable(name)


def _key(der: bytes) -> PrivateKeyTypes:
    """Load a private key, in no more time than its length asks for.

    The library looks for primes, which takes a minute at 16,384 bits and hours where a factor is
    longer than it should be, and checks the group of a Diffie-Hellman key, which no certificate
    has, as long. A key is not made better by it: it belongs to its certificate if its numbers fit.
    """
    _, algorithm, *_ = element(der).parts()
    if algorithm.tag == SEQUENCE and algorithm.parts()[0].oid() not in _ALGORITHMS:
        raise ValueError("no key of a certificate")
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, RSAPrivateKey) and not _fits(key.private_numbers()):
        raise ValueError("no key")
    return key


def _fits(key: RSAPrivateNumbers) -> bool:
    n, e = key.public_numbers.n, key.public_numbers.e
    if n.bit_length() > _MOST_BITS or min(key.p, key.q) <= 1 or key.p * key.q != n:
        return False
    return (
        all(e * key.d % (prime - 1) == 1 for prime in (key.p, key.q))
        and (key.dmp1, key.dmq1) == (key.d % (key.p - 1), key.d % (key.q - 1))
        and key.iqmp * key.q % key.p == 1
    )


def _chain(key: PrivateKeyTypes, certificates: Iterable[Certificate]) -> list[Certificate]:
    """Return the leaf and its issuers in order; nothing where no certificate has the key."""
    pool = frozenset(certificates)
    issuers = {each: frozenset(issuer for issuer in pool if _issued(each, issuer)) for each in pool}

    def rank(candidate: Certificate) -> tuple[bool, datetime, bytes]:
        rooted = _reaches_root(candidate, issuers, frozenset(chain))
        return (rooted, candidate.not_valid_after_utc, candidate.fingerprint(SHA256()))

    chain: list[Certificate] = []
    leaves = {each for each in pool if _belongs(each, key)}
    candidates = {each for each in leaves if each not in issuers[each]} or leaves
    while candidates:
        chain.append(max(candidates, key=rank))
        above = issuers[chain[-1]]
        candidates = set() if chain[-1] in above else {*above}.difference(chain)
    return chain


def _reaches_root(
    start: Certificate,
    issuers: Mapping[Certificate, frozenset[Certificate]],
    without: frozenset[Certificate],
) -> bool:
    seen, ahead = {*without, start}, [start]
    while ahead:
        each = ahead.pop()
        if each in issuers[each]:
            return True
        ahead += issuers[each] - seen
        seen |= issuers[each]
    return False


def _belongs(certificate: Certificate, key: PrivateKeyTypes) -> bool:
    with suppress(*_ODD):
        return _public_key(certificate) == key.public_key()
    return False


def _public_key(certificate: Certificate) -> CertificatePublicKeyTypes:
    if certificate.public_key_algorithm_oid.dotted_string not in _ALGORITHMS:
        raise ValueError("no key of a certificate")
    return certificate.public_key()


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's name and its key's signature are on the certificate."""
    with suppress(InvalidSignature, *_ODD):
        key = _public_key(issuer)
        sha1 = certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_SHA1
        if sha1 and isinstance(key, RSAPublicKey):
            # as old roots still have it; verify_directly_issued_by does not take it
            signed = (certificate.signature, certificate.tbs_certificate_bytes)
            key.verify(*signed, PKCS1v15(), SHA1())  # noqa: S303 - tells the issuer, trusts none
            return certificate.issuer == issuer.subject
        certificate.verify_directly_issued_by(issuer)
        return True
    return False


def _encrypted(name: str) -> Permanent:
    return Permanent(
        Reason.CERTIFICATE_ENCRYPTED,
        f"Certificate {name!r} is locked by a password, or damaged: import it as a certificate, "
        "which takes the password off, or set it without one.",
    )


def _dear(name: str) -> Permanent:
    return Permanent(
        Reason.CERTIFICATE_UNREADABLE,
        f"Certificate {name!r} asks for more than {MOST_ROUNDS:,} rounds of key derivation: export "
        "it anew with the usual number (openssl pkcs12 -export takes 2,048).",
    )


def _keyless(name: str) -> Permanent:
    return Permanent(
        Reason.CERTIFICATE_KEY_MISSING,
        f"Certificate {name!r} comes without its private key: make a new version under a policy "
        "whose key is exportable.",
    )


def _ambiguous(name: str) -> Permanent:
    return Permanent(
        Reason.CERTIFICATE_KEY_AMBIGUOUS,
        f"Certificate {name!r} holds several private keys: import it with its own alone.",
    )


def _unreadable(name: str) -> Permanent:
    return Permanent(
        Reason.CERTIFICATE_UNREADABLE,
        f"Certificate {name!r} is neither a PEM bundle nor the base64 of a PKCS#12 one, or not "
        f"what its content type ({_PEM} or {_PKCS12}) says: set it anew.",
    )
