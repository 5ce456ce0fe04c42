"""Opens a PKCS#12 bundle without a password, at a bounded cost.

The rounds that a bundle needs are read from its headers and paid for before anything is derived;
those of keys inside an encrypted part are paid for once that part is decrypted.
https://www.rfc-editor.org/rfc/rfc7292
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sync.projection.ber import INTEGER, Element, element
from sync.projection.budget import CHEAP_ROUNDS, ParseBudget
from sync.projection.pkcs12.derivation import NO_PASSWORDS, Derivation, Keys
from sync.projection.pkcs12.schemes import (
    Encrypted,
    Locked,
    UnknownAlgorithm,
    read_encrypted,
    read_seal,
)

MOST_ROUNDS_AT_ONCE = 600_000
"""For one derivation. .NET accepts no more for a bundle without a password. Bouncy Castle writes as
many, which OWASP advises for passwords; other tools write 1 to 100,000."""

MOST_ROUNDS = 2_400_000
"""For a whole bundle, about 1.2 s: 600,000 each for the MAC with one password, the MAC with the
other, the certificates and the key."""

_CMS = "1.2.840.113549.1.7."
_DATA, _ENVELOPED, _ENCRYPTED = (f"{_CMS}{end}" for end in (1, 3, 6))
_BAGS = "1.2.840.113549.1.12.10.1"
_KEY, _SHROUDED_KEY, _CERTIFICATE, _NESTED = (f"{_BAGS}.{end}" for end in (1, 2, 3, 6))
_X509 = "1.2.840.113549.1.9.22.1"
_EXPLICIT, _IMPLICIT = 0xA0, 0x80


class TooManyRounds(ValueError):
    """The bundle needs more rounds of derivation than are done for any bundle."""


@dataclass(slots=True)
class Contents:
    """The encoded keys (PKCS#8) and certificates of a bundle, in its order."""

    keys: list[bytes] = field(default_factory=list, repr=False)
    certificates: list[bytes] = field(default_factory=list)


def open_pkcs12(encoded: bytes, budget: ParseBudget) -> Contents:
    """Return the contents of a bundle, and spend its rounds from the budget.

    Raises Locked, TooManyRounds, BudgetSpent or UnknownAlgorithm; ValueError or LookupError if it
    is no such bundle.
    """
    version, authenticated, *mac = element(encoded).parts()
    version.expect(INTEGER)
    content = _data(authenticated)
    seal = read_seal(mac[0]) if mac else None
    safes = [_safe(each) for each in element(content).parts()]
    opener = _Opener(budget)
    opener.pay([seal.key] if seal else [], *(each.derivations for each in safes))
    for password in NO_PASSWORDS:
        if seal is None or seal.verifies(opener.keys, password, content):
            with suppress(Locked):
                return opener.contents(safes, password)
    raise Locked


@dataclass(slots=True)
class _Safe:
    """Bags that are not encrypted, though keys in them may be."""

    contents: Contents = field(default_factory=Contents)
    shrouded: list[Encrypted] = field(default_factory=list)

    @property
    def derivations(self) -> Sequence[Derivation]:
        """The derivations that decrypt the keys."""
        return [derivation for key in self.shrouded for derivation in key.derivations]


class _Opener:
    """Opens the parts of one bundle, each after paying for it."""

    def __init__(self, budget: ParseBudget) -> None:
        self.keys = Keys()
        self._budget = budget
        self._spent = 0

    def pay(self, *asked: Sequence[Derivation]) -> None:
        """Pay for derivations; raises TooManyRounds or BudgetSpent."""
        derivations = [each for some in asked for each in some]
        rounds = sum(each.cost for each in derivations)
        self._spent += rounds
        most = max((each.rounds for each in derivations), default=0)
        if most > MOST_ROUNDS_AT_ONCE or self._spent > MOST_ROUNDS:
            raise TooManyRounds
        self._budget.take(rounds, dear=self._spent > CHEAP_ROUNDS)

    def contents(self, safes: Sequence[_Safe | Encrypted], password: bytes) -> Contents:
        """Return the keys and certificates of the safes."""
        found = Contents()
        for sealed in safes:
            safe = sealed
            if isinstance(safe, Encrypted):
                safe = _bags(element(safe.opened(self.keys, password)))
                self.pay(safe.derivations)
            found.keys += safe.contents.keys
            found.keys += [key.opened(self.keys, password) for key in safe.shrouded]
            found.certificates += safe.contents.certificates
        return found


def _data(content: Element) -> bytes:
    kind, held = content.parts()
    if kind.oid().startswith(_CMS) and kind.oid() != _DATA:
        raise UnknownAlgorithm("sealed", kind.oid())
    if kind.oid() != _DATA:
        raise ValueError("no PKCS#12")
    return held.parts(_EXPLICIT)[0].octets()


def _safe(content: Element) -> _Safe | Encrypted:
    """Read a safe as far as is possible without deriving anything."""
    kind, *more = content.parts()
    if kind.oid() == _DATA:
        return _bags(element(_data(content)))
    if kind.oid() == _ENVELOPED:
        raise UnknownAlgorithm("encrypted", _ENVELOPED)
    if kind.oid() != _ENCRYPTED:
        return _Safe()
    (encrypted,) = more[0].parts(_EXPLICIT)
    _, sealed, *_ = encrypted.parts()
    _, algorithm, octets = sealed.parts()
    return read_encrypted(algorithm, octets.octets(_IMPLICIT))


def _bags(bags: Element) -> _Safe:
    safe = _Safe()
    _take(bags, safe)
    return safe


def _take(bags: Element, safe: _Safe) -> None:
    for bag in bags.parts():
        kind, value, *_ = bag.parts()
        (held,) = value.parts(_EXPLICIT)
        if kind.oid() == _KEY:
            safe.contents.keys.append(held.raw)
        elif kind.oid() == _SHROUDED_KEY:
            algorithm, sealed = held.parts()
            safe.shrouded.append(read_encrypted(algorithm, sealed.octets()))
        elif kind.oid() == _CERTIFICATE:
            form, encoded = held.parts()
            if form.oid() == _X509:
                safe.contents.certificates.append(encoded.parts(_EXPLICIT)[0].octets())
        elif kind.oid() == _NESTED:
            _take(held, safe)
