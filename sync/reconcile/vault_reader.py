"""Reads a vault: lists it and gets what changed, or gets only the secrets that events name."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sync.core.errors import Permanent, Transient
from sync.core.groups import Group
from sync.core.model import Hint, ListedSecret, SecretName, Target, Unserved
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason
from sync.core.state import Refusal, Unusable
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Rules
from sync.reconcile.fetching import fetch_all, in_turn
from sync.reconcile.listing import latest
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.request import Listing
from sync.reconcile.secret_reader import SETTLED_SECONDS, SecretReader
from sync.reconcile.stand_ins import DISABLED, Newest, barred, expired, is_standing
from sync.reconcile.survey import (
    Fetched,
    NeedsListing,
    Refused,
    Unchanged,
    Unvisited,
    VaultSurvey,
    Verdict,
)
from sync.reconcile.verdicts import (
    MISSING,
    TO_CONFIRM,
    Got,
    Reading,
    again,
    awaited,
    closed_places,
    judged,
    unknown,
)

JOINING_ROUNDS = 12
"""How often hints may join a reading: each round starts at least one get later than the last."""

_OF_OTHERS = frozenset({Reason.KEY_CLASH, Reason.TYPES_DIFFER, Reason.LABELS_DIFFER})
"""Refusals of one secret that can end when another secret changes."""


@dataclass(frozen=True, slots=True)
class VaultReader:
    """Reads vaults by the platform's rules; `now` is epoch seconds, `prune` allows removals.

    `listing` lists the vault for all its targets alike; None to list it for this one.
    """

    vaults: Vaults
    now: Callable[[], float]
    rules: Rules
    prune: bool
    listing: Listing | None = None

    def survey(
        self,
        observed: ObservedVault,
        hints: Collection[Hint],
        deadline: Deadline,
        fetchers: Executor,
        *,
        refetch: bool,
    ) -> VaultSurvey | Unvisited:
        """List the vault, and get the secrets that changed or that hints name.

        A listing alone removes nothing: if it lacks a secret that a Secret contains, or shows it as
        disabled, the secret is read by name. With `refetch` every secret is read.
        """
        entries = self._list(observed.target, deadline)
        listed = latest(entries)
        reading = Reading(observed, listed, deadline, fetchers, self._reader())
        verdicts: dict[SecretName, Verdict] = {}
        wanted: dict[SecretName, Placement] = {}
        standing_in: set[SecretName] = set()
        for secret in filter(observed.concerns, listed.values()):
            found = self._classify(observed, secret, refetch=refetch)
            if isinstance(found, Placement):
                wanted[secret.name] = found
            elif isinstance(found, Newest):
                standing_in.add(secret.name)
            elif found is not None:
                verdicts[secret.name] = found
        places = [*wanted.values(), *VaultSurvey(verdicts).placed.values()]
        if unvisited := {s for place in places for s in place.secrets} - observed.visited:
            return Unvisited(frozenset(unvisited))
        missing = observed.records.keys() - listed.keys()
        verdicts |= dict.fromkeys(missing, MISSING)
        doubted = {
            name
            for name, each in verdicts.items()
            if self.prune and each in TO_CONFIRM and name in observed.records
        }
        asked = {reading.spelled(hint.secret) for hint in hints}
        names = wanted.keys() | doubted | asked | standing_in
        fetched = self._fetch(reading, names, hints)
        if unvisited := _places(fetched, standing_in) - observed.visited:
            return Unvisited(frozenset(unvisited))
        for name, got in fetched.items():
            verdict = judged(reading, name, wanted.get(name), verdicts.get(name), got)
            if verdict is not None:
                verdicts.pop(name, None)
                verdicts[name] = verdict
        now = self.now()
        over = [
            each.name
            for each in listed.values()
            if each.expires is not None
            and each.expires <= now
            and not isinstance(verdicts.get(each.name), Excluded)
        ]
        verdicts |= unknown(reading, hints, verdicts)
        unusable = {
            name: Unusable(newest.updated, verdict.until or 0)
            for name, secret in listed.items()
            if (newest := self._barred(secret))
            and isinstance(verdict := verdicts.get(name), Excluded)
            and now - newest.updated >= SETTLED_SECONDS
        }
        verdicts |= awaited(reading, verdicts)
        return VaultSurvey(verdicts, len(entries), tuple(sorted(over)), unusable)

    def placed(self, target: Target, deadline: Deadline) -> tuple[SecretName, ...]:
        """List the vault, and return the secrets that belong into Secrets, those refused too."""
        if target.application is not None:
            return tuple(sorted(target.application.secrets))
        observed = ObservedVault(target, {target.secret: ObservedSecret(target, None, None)})
        listed = latest(self._list(target, deadline))
        return tuple(
            name
            for name, secret in sorted(listed.items())
            if not (self._barred(secret) or isinstance(self._placed(observed, secret), Excluded))
        )

    def look_up(
        self,
        observed: ObservedVault,
        hints: Callable[[], Sequence[Hint]],
        deadline: Deadline,
        fetchers: Executor,
    ) -> VaultSurvey | NeedsListing:
        """Get the hinted secrets and leave the others as they are.

        `hints` returns the hints so far; those that arrive during a reading are read too, a few
        times.
        """
        reading = Reading(observed, {}, deadline, fetchers, self._reader())
        verdicts: dict[SecretName, Verdict] = {}
        asked: Sequence[Hint] = ()
        for _ in range(JOINING_ROUNDS):
            known = len(asked)
            asked = hints()
            joined = {reading.spelled(hint.secret): hint for hint in asked[known:]}
            if any(not observed.home(name) <= observed.visited for name in joined):
                return NeedsListing.ELSEWHERE
            for name, got in self._fetch(reading, joined.keys(), asked[known:]).items():
                if isinstance(got, Excluded | Unserved) and name in observed.records:
                    return NeedsListing.SERVED_NO_LONGER
                if isinstance(got, Fetched) and set(got.placement.secrets) != observed.home(name):
                    return NeedsListing.MOVED
                verdict = judged(reading, name, None, None, got)
                if verdict is not None:
                    verdicts[name] = verdict
            if len(asked) == known:
                break
        return VaultSurvey({**verdicts, **unknown(reading, asked, verdicts)})

    def _classify(
        self, observed: ObservedVault, secret: ListedSecret, *, refetch: bool
    ) -> Verdict | Placement | Newest | None:
        """Return the verdict on a listed secret, or only its placement if it must be fetched.

        Another version has to be found for a Newest. None means that one stands in already.
        """
        if (left_out := self.rules.unlisted(observed.target, secret.name)) is not None:
            return left_out
        newest = self._barred(secret)
        if newest is not None:
            return self._stood_in(observed, secret, newest, refetch=refetch)
        found = self._placed(observed, secret)
        if not isinstance(found, Placement) or refetch:
            return found
        if observed.in_step(found, secret):
            return Unchanged(found)
        before = self._refused_before(observed, secret.name)
        if before is not None and before.updated == secret.updated:
            return again(secret.name, before, found)
        return found

    def _barred(self, secret: ListedSecret) -> Newest | None:
        return barred(secret, self.rules.validity, self.now())

    def _stood_in(
        self, observed: ObservedVault, secret: ListedSecret, newest: Newest, *, refetch: bool
    ) -> Verdict | Newest | None:
        """Return what is known of a secret whose newest version may not be used."""
        name, state = secret.name, observed.own.state
        if refetch or state is None or state.rules != self.rules.digest:
            return newest
        if is_standing(observed, name, newest, self.now()):
            return None
        known = None if name in observed.homes else state.unusable.get(name)
        if known is not None and known.holds(newest.updated, self.now()):
            return newest.excluded(known.due)
        before = self._refused_before(observed, name)
        if before is not None and before.updated == newest.updated:
            return again(name, before, None)
        return newest

    def _placed(
        self, observed: ObservedVault, secret: ListedSecret
    ) -> Excluded | Refused | Placement:
        """Return where a listed secret belongs."""
        try:
            if secret.fault is not None:
                raise secret.fault
            self._reader().refuse_older(observed, secret)
            if not secret.enabled:
                return DISABLED
            if self.rules.validity.is_over(secret.expires, self.now()):
                return expired(secret.expires)
            found = self.rules.place(observed.target, secret.name, secret.tags, secret.content_type)
        except (Permanent, Transient) as error:
            return Refused(error, updated=secret.updated)
        closed = None if isinstance(found, Excluded) else closed_places(observed, found)
        if closed is not None and isinstance(found, Placement):
            return Refused(closed, found, secret.updated)
        return found

    def _list(self, target: Target, deadline: Deadline) -> Sequence[ListedSecret]:
        if self.listing is None:
            return self.vaults.list(target.vault, deadline)
        return self.listing(deadline)

    def _reader(self) -> SecretReader:
        return SecretReader(self.vaults, self.now, self.rules)

    def _refused_before(self, observed: ObservedVault, name: SecretName) -> Refusal | None:
        """Return the recorded refusal of a secret's value, if it still applies."""
        state = observed.own.state
        before = state.refused.get(name) if state else None
        if state is None or before is None or not before.version:
            return None
        reason = before.reason
        holds = state.rules == self.rules.digest and before.is_still_held(self.now())
        of_its_own = reason.group is Group.VAULT_SECRET and reason not in _OF_OTHERS
        return before if holds and of_its_own else None

    def _fetch(
        self, reading: Reading, names: Collection[SecretName], hints: Iterable[Hint]
    ) -> Mapping[SecretName, Got]:
        last = {hint.secret: hint for hint in sorted(hints, key=lambda hint: hint.at or 0)}
        reader, observed = reading.reader, reading.observed

        def get(name: SecretName) -> Got:
            hint = last.get(name)
            before = self._refused_before(observed, name)
            if before and hint and (hint.version or "").startswith(before.version):
                return again(name, before, None)
            listed = reading.listed.get(name)
            newest = None if listed is None else self._barred(listed)
            if newest is not None:
                return reader.stand_in(observed, name, newest, reading.deadline)
            is_listed = listed is not None
            return reader.read(observed, name, hint, reading.deadline, is_listed=is_listed)

        first = [name for name in names if name in last]
        rest = in_turn(reading.vault.text, self.now(), [n for n in names if n not in last])
        return fetch_all(get, [*sorted(first), *rest], reading.deadline, reading.fetchers)


def _places(fetched: Mapping[SecretName, Got], names: Collection[SecretName]) -> set[str]:
    """Return the Secrets that the versions that stand in belong in, by their own tags."""
    return {
        secret
        for name in names
        if isinstance(got := fetched.get(name), Fetched)
        for secret in got.placement.secrets
    }
