"""A certificate as a bundle holds it: readable or odd, with its names and its public key."""

from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PublicKey,
    MLDSA65PublicKey,
    MLDSA87PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtensionNotFound,
    InvalidVersion,
    load_der_x509_certificate,
)

from sync.projection.ber import Element, element
from sync.projection.distinguished_names import Name, read_name
from sync.projection.key_algorithms import (
    ED448,
    ED25519,
    ML_DSA,
    OddKey,
    PublicKey,
    read_public_key,
)
from sync.projection.turns import PARSING

ODD = (InternalError, InvalidVersion, LookupError, TypeError, UnsupportedAlgorithm, ValueError)
"""Errors of the cryptography package for bad input, found by mutating good bundles."""

_VERSION = 0xA0
_ECDSA = "1.2.840.10045.4."
_FAMILIES = ("1.2.840.113549.1.1.", "1.2.840.10045.", "1.2.840.10040.4.")
"""The beginnings of the identifiers of RSA, of elliptic curves and of DSA."""
_ONE_PIECE = {ED25519, ED448, *ML_DSA}
"""The algorithms whose keys and signatures have the same identifier."""
_OnePiece = (
    Ed25519PublicKey, Ed448PublicKey, MLDSA44PublicKey, MLDSA65PublicKey, MLDSA87PublicKey,
)  # fmt: skip
_LATEST_VERSION = 2  # which is called version 3


class Verdict(Enum):
    """Whether a key made a signature."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The signature is of an algorithm that is not read, or the key is."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One certificate; `certificate` or `key` is None if the library does not read it.

    `fault` says why, and continues "which".
    """

    der: bytes = field(repr=False)
    issuer: Name
    subject: Name
    public: bytes
    signed_with: str
    certificate: Certificate | None
    key: PublicKey | None
    fault: str

    @property
    def is_readable(self) -> bool:
        """Whether it can be a part of a chain."""
        return self.certificate is not None and self.key is not None

    @property
    def is_self_issued(self) -> bool:
        """Whether it has the same name as its issuer, which is no proof."""
        return self.issuer.folded == self.subject.folded

    @property
    def is_authority(self) -> bool:
        """Whether it says that it may issue others, or is of version 1 and issued itself."""
        if self.certificate is not None:
            with suppress(ExtensionNotFound, *ODD):
                extensions = self.certificate.extensions
                return extensions.get_extension_for_class(BasicConstraints).value.ca
        return self.is_self_issued

    @property
    def digest(self) -> HashAlgorithm | None:
        """The hash that its signature is over, None if it is unknown or a part of the algorithm."""
        if self.certificate is not None:
            with suppress(*ODD):
                return self.certificate.signature_hash_algorithm
        return None


def read_certificate(der: bytes) -> Held:
    """Read a certificate (RFC 5280, section 4.1); raises ValueError if it is none at all."""
    signed, algorithm, _signature = element(der).parts()
    version, *rest = signed.parts()
    later = rest if version.tag == _VERSION else [version, *rest]
    if len(later) < 6:  # noqa: PLR2004 - the fields that each has
        raise ValueError("no certificate")
    _serial, _inner, issuer, _validity, subject, info, *_ = later
    loaded = key = None
    fault = ""
    with suppress(*ODD):
        loaded = load_der_x509_certificate(der)
        loaded.not_valid_after_utc  # noqa: B018 - some errors come late
    if loaded is None:
        fault = _oddity(version, algorithm)
    try:
        key = read_public_key(info)
    except OddKey as odd:
        fault = fault or f"has a public key that {odd.fault}"
    except ODD:
        fault = fault or "has a public key that cannot be read"
    return Held(
        der, read_name(issuer), read_name(subject), info.raw,
        algorithm.parts()[0].oid(), loaded, key, fault,
    )  # fmt: skip


def verdict(held: Held, by: Held) -> Verdict:
    """Return whether the key of `by` signed a certificate; names and uses are not looked at."""
    if held.certificate is None or by.key is None:
        return Verdict.UNKNOWN
    family = _family(held.signed_with)
    if family is None or family != _family(by.key.algorithm.oid):
        return Verdict.UNKNOWN if family is None else Verdict.NO
    try:
        with PARSING:
            _verify(held.certificate, by.key.numbers)
    except InvalidSignature:
        return Verdict.NO
    except ODD:
        return Verdict.UNKNOWN
    return Verdict.YES


def _family(oid: str) -> str | None:
    """Return what a key and its signatures have in common; None if it is unknown."""
    if oid in _ONE_PIECE:
        return oid
    return next((each for each in _FAMILIES if oid.startswith(each)), None)


def _verify(certificate: Certificate, key: PublicKeyTypes) -> None:
    """Check a signature; raises InvalidSignature, or one of the library's errors.

    The library's own check of an issuer refuses SHA-1, and names that differ in their spelling.
    """
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    digest = certificate.signature_hash_algorithm
    if isinstance(key, _OnePiece):
        key.verify(signature, signed)
    elif digest is None:
        raise UnsupportedAlgorithm("a signature without a hash")
    elif isinstance(key, RSAPublicKey):
        stated = certificate.signature_algorithm_parameters
        padding = stated if isinstance(stated, PSS) else PKCS1v15()
        key.verify(signature, signed, padding, digest)
    elif isinstance(key, EllipticCurvePublicKey):
        key.verify(signature, signed, ECDSA(digest))
    else:
        raise UnsupportedAlgorithm("no key that signs certificates")


def _oddity(version: Element, algorithm: Element) -> str:
    """Say why the library does not load it, as far as that can be told."""
    if version.tag == _VERSION and version.parts(_VERSION)[0].number() > _LATEST_VERSION:
        return "is of a later version than 3"
    kind, *parameters = algorithm.parts()
    oid = kind.oid()
    if oid.startswith(_ECDSA) and parameters:
        return (
            f"is signed with ECDSA ({oid}) and has parameters there, NULL perhaps, as old versions "
            "of Java wrote and RFC 5758 forbids"
        )
    return f"is not encoded as RFC 5280 demands (its signature algorithm is {oid})"
