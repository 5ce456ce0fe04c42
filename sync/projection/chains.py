"""Finds a key's certificate and its issuers among other certificates, with few signature checks.

A signature tells who issued a certificate; names are compared first, since a check takes up to
1.3 ms (brainpoolP512r1), and of certificates that share one name each could be the issuer of each.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography.hazmat.primitives.hashes import SHA256

from sync.projection.held_certificates import Held, Verdict, verdict
from sync.projection.key_algorithms import PublicKey

_MOST_CHECKS = 40
"""Checks for one bundle: a chain of 32 needs 32, and renewed roots need a few more."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class TooManyChecks(Exception):
    """Too many certificates could be the issuer of each other."""


class NeedsOdd(Exception):
    """The chain needs a certificate that is not read, or a signature that cannot be checked.

    `odd` is the former; for the latter it is the certificate with that signature.
    """

    def __init__(self, odd: Held) -> None:
        super().__init__()
        self.odd = odd


@dataclass(frozen=True, slots=True)
class Chain:
    """A key's certificate and its issuers in order, and what is beside them.

    `is_rooted` if the last one is self-signed.
    """

    links: Sequence[Held]
    is_rooted: bool
    left_out: Sequence[Held]

    @property
    def top(self) -> Held:
        """The last issuer, or the certificate itself."""
        return self.links[-1]

    @property
    def differing(self) -> Iterator[tuple[Held, Held]]:
        """Yield each certificate with its issuer if their names differ in their bytes."""
        for held, issuer in pairwise(self.links):
            if held.issuer.raw != issuer.subject.raw:
                yield held, issuer


def find_chain(key: PublicKey, held: Iterable[Held]) -> Chain | None:
    """Return the key's certificate and its issuers in order; None if no certificate has the key.

    If several issuers fit, prefer one that is named byte by byte, then one whose chain ends in a
    self-signed root, then the one that is valid longest. Raises TooManyChecks or NeedsOdd.
    """
    pool = list({each.der: each for each in held}.values())
    issuers = _Issuers(pool)
    leaves = {each for each in pool if each.key == key}
    candidates = {each for each in leaves if each.is_readable}
    if leaves and not candidates:
        raise NeedsOdd(next(iter(leaves)))
    candidates = {each for each in candidates if each not in issuers.of(each)} or candidates
    chain: list[Held] = []
    while candidates:
        chain.append(_best(candidates, issuers, chain))
        above = issuers.of(chain[-1])
        candidates = set() if chain[-1] in above else above.difference(chain)
    if not chain:
        return None
    rooted = issuers.is_root(chain[-1])
    if not rooted:
        issuers.expect_none(chain)
    return Chain(chain, rooted, [each for each in pool if each not in chain])


class _Issuers:
    """The issuers of each certificate, looked up on demand and cached."""

    def __init__(self, pool: Iterable[Held]) -> None:
        self._named: dict[Hashable, list[Held]] = defaultdict(list)
        self._known: dict[Held, set[Held]] = {}
        self._doubtful: dict[Held, list[Held]] = defaultdict(list)
        self._checks = 0
        for each in pool:
            self._named[each.subject.folded].append(each)

    def of(self, held: Held) -> set[Held]:
        """Return all certificates that may have issued it; raises TooManyChecks."""
        if held not in self._known:
            self._known[held] = set(self._signers(held))
        return self._known[held]

    def is_root(self, held: Held) -> bool:
        """Return whether it issued itself; a signature of its own that is not read may pass."""
        return held in self.of(held) or held in self._doubtful[held]

    def expect_none(self, chain: Sequence[Held]) -> None:
        """Raise NeedsOdd if the last one's issuer is there but odd, or cannot be told."""
        for each in self._doubtful[chain[-1]]:
            if each not in chain:
                raise NeedsOdd(chain[-1] if each.is_readable else each)

    def rooted(self, starts: Iterable[Held], without: Collection[Held]) -> Collection[Held]:
        """Return the certificates whose chain leads to a self-signed one; raises TooManyChecks."""
        issued: dict[Held, set[Held]] = {}
        ahead = [*starts]
        while ahead:
            each = ahead.pop()
            for issuer in self.of(each).difference(without):
                if issuer not in issued:
                    issued[issuer] = set()
                    ahead.append(issuer)
                issued[issuer].add(each)
        rooted: set[Held] = set()
        ahead = [each for each, below in issued.items() if each in below]
        while ahead:
            each = ahead.pop()
            if each not in rooted:
                rooted.add(each)
                ahead += issued.get(each, ())
        return rooted

    def _signers(self, held: Held) -> Iterator[Held]:
        """Yield the certificates whose key signed it; each key is checked once."""
        by_key: dict[bytes, list[Held]] = defaultdict(list)
        for each in self._named.get(held.issuer.folded, ()):
            by_key[each.public].append(each)
        self._checks += len(by_key)
        if self._checks > _MOST_CHECKS:
            raise TooManyChecks
        for alike in by_key.values():
            found = verdict(held, alike[0])
            for each in alike:
                if found is Verdict.YES and each.is_readable:
                    yield each
                elif found is not Verdict.NO:
                    self._doubtful[held].append(each)


def _best(candidates: Collection[Held], issuers: _Issuers, chain: Sequence[Held]) -> Held:
    if len(candidates) == 1:
        return next(iter(candidates))
    rooted = issuers.rooted(candidates, chain)

    def rank(held: Held) -> tuple[bool, bool, datetime, bytes]:
        certificate = held.certificate
        if certificate is None:
            return False, False, _NEVER, b""
        exact = not chain or chain[-1].issuer.raw == held.subject.raw
        until = certificate.not_valid_after_utc
        return exact, held in rooted, until, certificate.fingerprint(SHA256())

    return max(candidates, key=rank)
