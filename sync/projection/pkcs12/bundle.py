"""A PKCS#12 bundle without a password to its keys and certificates, at a bounded cost.

What a bundle asks for is read from its headers and paid for before anything is derived, and again
for the keys inside of what was decrypted. https://www.rfc-editor.org/rfc/rfc7292
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sync.projection.ber import INTEGER, Element, element
from sync.projection.budget import CHEAP_ROUNDS, ParseBudget
from sync.projection.pkcs12.derivation import NO_PASSWORDS, Derivation, Keys, total
from sync.projection.pkcs12.schemes import Encrypted, Locked, read_encrypted, read_seal

MOST_ROUNDS_AT_ONCE = 600_000
"""Of one derivation. It is the most that .NET does for a bundle without a password, and what Bouncy
Castle and `openssl pkcs12 -export -iter 600000` write for those who go by OWASP's advice for
passwords; other tools write 1 to 100,000."""

MOST_ROUNDS = 2_400_000
"""Of a whole bundle, about 1.3 s: the seal, tried with both passwords, the certificates and the key
by 600,000 each."""

_DATA, _ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAGS = "1.2.840.113549.1.12.10.1"
_KEY, _SHROUDED_KEY, _CERTIFICATE, _NESTED = (f"{_BAGS}.{end}" for end in (1, 2, 3, 6))
_X509 = "1.2.840.113549.1.9.22.1"
_EXPLICIT, _IMPLICIT = 0xA0, 0x80


class TooManyRounds(ValueError):
    """The bundle asks for more rounds of derivation than are done for any."""


@dataclass(slots=True)
class Contents:
    """The keys (PKCS#8) and certificates of a bundle, encoded, as they come."""

    keys: list[bytes] = field(default_factory=list, repr=False)
    certificates: list[bytes] = field(default_factory=list)


def open_pkcs12(encoded: bytes, budget: ParseBudget) -> Contents:
    """Read a bundle, and pay for it out of the budget.

    Raises Locked, TooManyRounds, BudgetSpent, or ValueError or LookupError for what is no bundle.
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
    """Bags that are not encrypted, though the keys in them may be."""

    contents: Contents = field(default_factory=Contents)
    shrouded: list[Encrypted] = field(default_factory=list)

    @property
    def derivations(self) -> Sequence[Derivation]:
        """What has to be derived to decrypt the keys."""
        return [derivation for key in self.shrouded for derivation in key.derivations]


class _Opener:
    """Opens the parts of one bundle, each paid for before it is begun."""

    def __init__(self, budget: ParseBudget) -> None:
        self.keys = Keys()
        self._budget = budget
        self._spent = 0

    def pay(self, *asked: Sequence[Derivation]) -> None:
        """Pay for derivations; raises TooManyRounds or BudgetSpent."""
        derivations = [each for some in asked for each in some]
        rounds = total(derivations)
        self._spent += rounds
        most = max((each.rounds for each in derivations), default=0)
        if most > MOST_ROUNDS_AT_ONCE or self._spent > MOST_ROUNDS:
            raise TooManyRounds
        self._budget.take(rounds, dear=self._spent > CHEAP_ROUNDS)

    def contents(self, safes: Sequence[_Safe | Encrypted], password: bytes) -> Contents:
        """Return all that the safes hold."""
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
    if kind.oid() != _DATA:
        raise ValueError("signed, not sealed with a password")
    return held.parts(_EXPLICIT)[0].octets()


def _safe(content: Element) -> _Safe | Encrypted:
    """Read a safe as far as it can be read without deriving anything."""
    kind, *more = content.parts()
    if kind.oid() == _DATA:
        return _bags(element(_data(content)))
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
