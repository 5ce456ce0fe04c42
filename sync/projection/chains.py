"""A key's certificate and its issuers out of a heap of certificates, by few checks of signatures.

A check takes up to 1.3 ms (brainpoolP512r1), and certificates that all have one name could be each
other's issuers.
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
"""What the library raises for input that it cannot take, found by mutating good bundles."""

_VERSION = 0xA0
_MOST_CHECKS = 40
"""Of signatures in one bundle: a chain of 32 takes 32, and a few more where roots are renewed."""


class TooManyChecks(Exception):
    """The certificates name one another as issuers in too many ways."""


def chain_of(key: PrivateKeyTypes, certificates: Iterable[Certificate]) -> list[Certificate]:
    """Return the key's certificate and its issuers in order; nothing where no certificate has it.

    Of issuers that fit alike, the one whose chain ends in a self-signed root is taken, then the one
    that is valid for longer. Raises TooManyChecks.
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
    """Tell whether a certificate is its own issuer."""
    return _issued(certificate, certificate)


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """A certificate, and what it says of names and its key, each encoded."""

    certificate: Certificate
    issuer: bytes
    subject: bytes
    key: bytes

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Read what the library has read already: RFC 5280, section 4.1."""
        version, *rest = element(certificate.tbs_certificate_bytes).parts()
        later = rest if version.tag == _VERSION else [version, *rest]
        _serial, _algorithm, issuer, _validity, subject, key, *_ = later
        return cls(certificate, issuer.raw, subject.raw, key.raw)


class _Issuers:
    """Who issued which of the certificates, found out when it is asked and remembered."""

    def __init__(self, pool: Iterable[_Link]) -> None:
        self._named: dict[bytes, list[_Link]] = defaultdict(list)
        self._known: dict[_Link, set[_Link]] = {}
        self._checks = 0
        for each in pool:
            self._named[each.subject].append(each)

    def of(self, link: _Link) -> set[_Link]:
        """Return all that may have issued it; raises TooManyChecks."""
        if link not in self._known:
            self._known[link] = self._signers(link)
        return self._known[link]

    def rooted(self, starts: Iterable[_Link], without: Collection[_Link]) -> Collection[_Link]:
        """Return those that have a self-signed certificate above them; raises TooManyChecks."""
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
        """Return those whose key signed it; of several for one key, one is checked."""
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
    """Tell whether the issuer's name and its key's signature are on the certificate."""
    with PARSING, suppress(InvalidSignature, *ODD):
        key = public_key(issuer)
        sha1 = certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_SHA1
        if sha1 and isinstance(key, RSAPublicKey):
            # as old roots still have it; verify_directly_issued_by does not take it
            signed = (certificate.signature, certificate.tbs_certificate_bytes)
            key.verify(*signed, PKCS1v15(), SHA1())  # noqa: S303 - tells the issuer, trusts none
            return certificate.issuer == issuer.subject
        certificate.verify_directly_issued_by(issuer)
        return True
    return False
