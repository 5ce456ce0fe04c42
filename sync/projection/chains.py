"""Finds a key's certificate and its issuers among other certificates, with few signature checks.

A check takes up to 1.3 ms (brainpoolP512r1), and of certificates that share one name each could be
the issuer of each.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import Certificate, InvalidVersion, SignatureAlgorithmOID

from sync.projection.ber import element
from sync.projection.private_keys import public_key
from sync.projection.turns import PARSING

ODD = (InternalError, InvalidVersion, TypeError, UnsupportedAlgorithm, ValueError)
"""Errors of the cryptography package for bad input, found by mutating good bundles."""

_VERSION = 0xA0
_MOST_CHECKS = 40
"""Checks for one bundle: a chain of 32 needs 32, and renewed roots need a few more."""


class TooManyChecks(Exception):
    """Too many certificates could be the issuer of each other."""


def chain_of(key: PrivateKeyTypes, certificates: Iterable[Certificate]) -> list[Certificate]:
    """Return the key's certificate and its issuers in order; empty if no certificate has the key.

    If several issuers fit, take one whose chain ends in a self-signed root, and of those the one
    that is valid longest. Raises TooManyChecks.
    """
    pool = [_Link.of(each) for each in frozenset(certificates)]
    issuers = _Issuers(pool)
    chain: list[_Link] = []
    leaves = {each for each in pool if _belongs(each.certificate, key)}
    candidates = {each for each in leaves if each not in issuers.of(each)} or leaves
    while candidates:
        chain.append(_best(candidates, issuers, chain))
        above = issuers.of(chain[-1])
        candidates = set() if chain[-1] in above else above.difference(chain)
    return [each.certificate for each in chain]


def is_self_signed(certificate: Certificate) -> bool:
    """Return whether a certificate is its own issuer."""
    return _issued(certificate, certificate)


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """A certificate with its encoded names and public key."""

    certificate: Certificate
    issuer: bytes
    subject: bytes
    key: bytes

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Read the fields of a loaded certificate (RFC 5280, section 4.1)."""
        version, *rest = element(certificate.tbs_certificate_bytes).parts()
        later = rest if version.tag == _VERSION else [version, *rest]
        _serial, _algorithm, issuer, _validity, subject, key, *_ = later
        return cls(certificate, issuer.raw, subject.raw, key.raw)


class _Issuers:
    """The issuers of each certificate, looked up on demand and cached."""

    def __init__(self, pool: Iterable[_Link]) -> None:
        self._named: dict[bytes, list[_Link]] = defaultdict(list)
        self._known: dict[_Link, set[_Link]] = {}
        self._checks = 0
        for each in pool:
            self._named[each.subject].append(each)

    def of(self, link: _Link) -> set[_Link]:
        """Return all certificates that may have issued it; raises TooManyChecks."""
        if link not in self._known:
            self._known[link] = self._signers(link)
        return self._known[link]

    def rooted(self, starts: Iterable[_Link], without: Collection[_Link]) -> Collection[_Link]:
        """Return the certificates whose chain leads to a self-signed one; raises TooManyChecks."""
        issued: dict[_Link, set[_Link]] = {}
        ahead = [*starts]
        while ahead:
            each = ahead.pop()
            for issuer in self.of(each).difference(without):
                if issuer not in issued:
                    issued[issuer] = set()
                    ahead.append(issuer)
                issued[issuer].add(each)
        rooted: set[_Link] = set()
        ahead = [each for each, below in issued.items() if each in below]
        while ahead:
            each = ahead.pop()
            if each not in rooted:
                rooted.add(each)
                ahead += issued.get(each, ())
        return rooted

    def _signers(self, link: _Link) -> set[_Link]:
        """Return the certificates whose key signed it; each key is checked once."""
        by_key: dict[bytes, list[_Link]] = defaultdict(list)
        for each in self._named.get(link.issuer, ()):
            by_key[each.key].append(each)
        self._checks += len(by_key)
        if self._checks > _MOST_CHECKS:
            raise TooManyChecks
        return {
            each
            for alike in by_key.values()
            if _issued(link.certificate, alike[0].certificate)
            for each in alike
        }


def _best(candidates: Collection[_Link], issuers: _Issuers, chain: Collection[_Link]) -> _Link:
    if len(candidates) == 1:
        return next(iter(candidates))
    rooted = issuers.rooted(candidates, chain)

    def rank(link: _Link) -> tuple[bool, datetime, bytes]:
        certificate = link.certificate
        return link in rooted, certificate.not_valid_after_utc, certificate.fingerprint(SHA256())

    return max(candidates, key=rank)


def _belongs(certificate: Certificate, key: PrivateKeyTypes) -> bool:
    with suppress(*ODD):
        return public_key(certificate) == key.public_key()
    return False


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Return whether the certificate has the issuer's name and the signature of its key."""
    with PARSING, suppress(InvalidSignature, *ODD):
        key = public_key(issuer)
        sha1 = certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_SHA1
        if sha1 and isinstance(key, RSAPublicKey):
            # old roots still have it, and verify_directly_issued_by refuses it
            signed = (certificate.signature, certificate.tbs_certificate_bytes)
            key.verify(*signed, PKCS1v15(), SHA1())  # noqa: S303 - tells the issuer, trusts none
            return certificate.issuer == issuer.subject
        certificate.verify_directly_issued_by(issuer)
        return True
    return False
