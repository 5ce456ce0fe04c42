"""Reads a vault: lists it and gets what changed, or gets only the secrets that events name."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sync.core.annotation import Refusal
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Hint, ListedSecret, SecretName, Target, Unserved, VaultName, moment
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Group, Reason
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Rules, latest
from sync.reconcile.fetching import fetch_all, in_turn
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.secret_reader import SecretReader, not_served_yet
from sync.reconcile.survey import (
    Fetched,
    NeedsListing,
    Refused,
    Unchanged,
    Unvisited,
    VaultSurvey,
    Verdict,
)

JOINING_ROUNDS = 12
"""How often hints may join a reading: each round starts at least one get later than the last."""

_OF_OTHERS = frozenset({Reason.KEY_CLASH, Reason.TYPES_DIFFER, Reason.LABELS_DIFFER})
"""Refusals of one secret that can end when another secret changes."""

_DISABLED = "it is disabled"
_MISSING = "the vault no longer has it"

type _Got = Fetched | Excluded | Refused | Unserved | SyncError


@dataclass(frozen=True, slots=True)
class _Reading:
    """The common inputs of one survey's gets; `listed` is empty if no listing was read."""

    observed: ObservedVault
    listed: Mapping[SecretName, ListedSecret]
    deadline: Deadline
    fetchers: Executor
    reader: SecretReader

    @property
    def vault(self) -> VaultName:
        """The vault that is read."""
        return self.observed.target.vault

    def spelled(self, name: SecretName) -> SecretName:
        """Return a name in the listing's spelling, or in ours."""
        listed = self.listed.get(name)
        return listed.name if listed else self.observed.spelling.get(name, name)


@dataclass(frozen=True, slots=True)
class VaultReader:
    """Reads vaults by the platform's rules; `now` is epoch seconds, `prune` allows removals."""

    vaults: Vaults
    now: Callable[[], float]
    rules: Rules
    prune: bool

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
        listing = self.vaults.list(observed.target.vault, deadline)
        listed = latest(listing)
        reading = _Reading(observed, listed, deadline, fetchers, self._reader())
        verdicts: dict[SecretName, Verdict] = {}
        wanted: dict[SecretName, Placement] = {}
        for secret in listed.values():
            found = self._classify(observed, secret, refetch=refetch)
            if isinstance(found, Placement):
                wanted[secret.name] = found
            else:
                verdicts[secret.name] = found
        places = [*wanted.values(), *VaultSurvey(verdicts).placed.values()]
        if unvisited := {s for place in places for s in place.secrets} - observed.visited:
            return Unvisited(frozenset(unvisited))
        missing = observed.records.keys() - listed.keys()
        verdicts |= dict.fromkeys(missing, Excluded(_MISSING))
        doubted = {
            name
            for name, each in verdicts.items()
            if self.prune and each in TO_CONFIRM and name in observed.records
        }
        asked = {reading.spelled(hint.secret) for hint in hints}
        for name, got in self._fetch(reading, wanted.keys() | doubted | asked, hints).items():
            verdict = _judged(reading, name, wanted.get(name), verdicts.get(name), got)
            if verdict is not None:
                verdicts.pop(name, None)
                verdicts[name] = verdict
        now = self.now()
        expired = [
            each.name
            for each in listed.values()
            if each.expires is not None
            and each.expires <= now
            and not isinstance(verdicts[each.name], Excluded)
        ]
        verdicts |= _unknown(reading, hints, verdicts)
        return VaultSurvey(verdicts, len(listing), tuple(sorted(expired)))

    def placed(self, target: Target, deadline: Deadline) -> tuple[SecretName, ...]:
        """List the vault, and return the secrets that belong into Secrets, those refused too."""
        observed = ObservedVault(target, {target.secret: ObservedSecret(target, None, None)})
        listed = latest(self.vaults.list(target.vault, deadline))
        return tuple(
            name
            for name, secret in sorted(listed.items())
            if not isinstance(self._placed(observed, secret), Excluded)
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
        reading = _Reading(observed, {}, deadline, fetchers, self._reader())
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
                verdict = _judged(reading, name, None, None, got)
                if verdict is not None:
                    verdicts[name] = verdict
            if len(asked) == known:
                break
        return VaultSurvey({**verdicts, **_unknown(reading, asked, verdicts)})

    def _classify(
        self, observed: ObservedVault, secret: ListedSecret, *, refetch: bool
    ) -> Verdict | Placement:
        """Return the verdict on a listed secret, or only its placement if it must be fetched."""
        found = self._placed(observed, secret)
        if not isinstance(found, Placement) or refetch:
            return found
        if observed.in_step(found, secret):
            return Unchanged(found)
        before = self._refused_before(observed, secret.name)
        if before is not None and before.updated == secret.updated:
            return _again(secret.name, before, found)
        return found

    def _placed(
        self, observed: ObservedVault, secret: ListedSecret
    ) -> Excluded | Refused | Placement:
        """Return where a listed secret belongs."""
        try:
            if secret.fault is not None:
                raise secret.fault
            self._reader().refuse_older(observed, secret)
            if not secret.enabled:
                return Excluded(_DISABLED)
            found = self.rules.place(observed.target, secret.name, secret.tags, secret.content_type)
        except (Permanent, Transient) as error:
            return Refused(error, updated=secret.updated)
        closed = None if isinstance(found, Excluded) else _closed(observed, found)
        if closed is not None and isinstance(found, Placement):
            return Refused(closed, found, secret.updated)
        return found

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
        self, reading: _Reading, names: Collection[SecretName], hints: Iterable[Hint]
    ) -> Mapping[SecretName, _Got]:
        last = {hint.secret: hint for hint in sorted(hints, key=lambda hint: hint.at or 0)}
        reader, observed = reading.reader, reading.observed

        def get(name: SecretName) -> _Got:
            hint = last.get(name)
            before = self._refused_before(observed, name)
            if before and hint and (hint.version or "").startswith(before.version):
                return _again(name, before, None)
            is_listed = name in reading.listed
            return reader.read(observed, name, hint, reading.deadline, is_listed=is_listed)

        first = [name for name in names if name in last]
        rest = in_turn(reading.vault.text, self.now(), [n for n in names if n not in last])
        return fetch_all(get, [*sorted(first), *rest], reading.deadline, reading.fetchers)


TO_CONFIRM = (Excluded(_DISABLED), Excluded(_MISSING))
"""Verdicts that a listing may get wrong, since it lags or is partial: a get must confirm them."""


def _judged(
    reading: _Reading,
    name: SecretName,
    placement: Placement | None,
    before: Verdict | None,
    got: _Got,
) -> Verdict | None:
    """Return the verdict after a get; `placement` and `before` come from the listing, if any.

    None means that the secret is neither in the vault nor in our records.
    """
    observed, listed = reading.observed, reading.listed.get(name)
    if isinstance(got, Fetched):
        if not set(got.placement.secrets) <= observed.visited:
            got = Transient(
                Reason.TAGS_CHANGED,
                f"The tags of secret {name!r} changed while it was read.",
            )
        elif closed := _closed(observed, got.placement):
            return Refused(closed, got.placement, got.record.updated)
    elif isinstance(got, Unserved):
        if placement is not None or isinstance(before, Unchanged):
            got = not_served_yet(name)
        elif before is not None:
            return Excluded(_DISABLED if got is Unserved.DISABLED else _MISSING)
        else:
            return None
    if isinstance(got, SyncError):
        return Refused(got, placement, listed.updated if listed else None)
    return got


def _again(name: SecretName, before: Refusal, placement: Placement | None) -> Refused:
    error = Permanent(
        before.reason,
        f"Secret {name!r} is refused since {moment(before.since)} and has not changed since. "
        f"{before.reason.meaning} A resync with refetch reads it again.",
    )
    return Refused(error, placement, before.updated, before.version, before)


def _closed(observed: ObservedVault, placement: Placement) -> SyncError | None:
    """Return the error if all of a secret's places are inaccessible."""
    errors = [observed.closed[secret] for secret in placement.secrets if secret in observed.closed]
    return errors[0] if len(errors) == len(placement.secrets) else None


def _unknown(
    reading: _Reading, hints: Iterable[Hint], verdicts: Mapping[SecretName, Verdict]
) -> Mapping[SecretName, Refused]:
    """Refuse secrets that an operator named, that should not be synced, and that we never had."""
    found: dict[SecretName, Refused] = {}
    for name in {hint.secret for hint in hints if hint.at is None}:
        verdict = verdicts.get(name)
        if name in reading.observed.records or not isinstance(verdict, Excluded | None):
            continue
        message = (
            f"Vault {reading.vault} has no enabled secret {name!r}: check the name."
            if verdict is None
            else f"Secret {name!r} of vault {reading.vault} is in no Secret: {verdict.reason}."
        )
        found[name] = Refused(Permanent(Reason.NO_SUCH_SECRET, message))
    return found
