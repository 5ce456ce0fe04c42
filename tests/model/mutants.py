"""Breakages of the protocol, each at a seam that other code uses, which the model has to catch."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from unittest import mock

from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.changes import Count
from sync.core.errors import Conflict, Permanent, Transient
from sync.core.model import (
    CREATE_ONLY,
    Desired,
    Hint,
    ListedSecret,
    ListedVersion,
    SecretName,
    Target,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.ports import Deadline, Vaults
from sync.core.state import Record
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Rules
from sync.projection.validity import Validity
from sync.reconcile import (
    counts,
    desired,
    members,
    observing,
    secret_reader,
    stand_ins,
    turn,
    vault_reader,
)
from sync.reconcile.desired import DesiredSecret
from sync.reconcile.marks import LINK_ANNOTATION
from sync.reconcile.members import Clash, LabelClash, Members
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.rehearsal import Rehearsal
from sync.reconcile.secret_reader import SecretReader
from sync.reconcile.stand_ins import Newest
from sync.reconcile.survey import Fetched, Refused, VaultSurvey
from tests.model import killers
from tests.model.steps import Step

type Patch = tuple[type | ModuleType, str, object]


@dataclass(frozen=True, slots=True)
class Mutant:
    """Parts of the product replaced by others; `breaks` says what that means.

    `killer` is a history in which it breaks `rule`; the product as it is breaks none in it.
    """

    name: str
    breaks: str
    patches: tuple[Patch, ...]
    rule: str
    killer: tuple[Step, ...]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Run the broken code meanwhile."""
        with ExitStack() as stack:
            for holder, name, instead in self.patches:
                stack.enter_context(mock.patch.object(holder, name, instead))
            yield


_APPLY = KubernetesSecrets.apply
_BARRED = stand_ins.barred
_COUNTS = counts.counts_after
_LIST, _GET = KeyVaults.list, KeyVaults.get
_PLACE, _READ = Rules.place, SecretReader.read
_HELD_BACK, _ARRIVED, _LOOSE = Members.held_back, members.has_arrived, desired.loose_keys

type _Write = tuple[KubernetesSecrets, Target, Desired, str, Deadline]


def _apply(change: Callable[[_Write], None]) -> Patch:
    """Write to the cluster in another way."""

    def apply(  # noqa: PLR0913 - as the adapter has it
        self: KubernetesSecrets,
        target: Target,
        wanted: Desired,
        resource_version: str,
        deadline: Deadline,
        *,
        dry_run: bool = False,
    ) -> None:
        if dry_run:
            _APPLY(self, target, wanted, resource_version, deadline, dry_run=True)
        else:
            change((self, target, wanted, resource_version, deadline))

    return KubernetesSecrets, "apply", apply


def _of_now(write: _Write) -> None:
    self, target, wanted, _, deadline = write
    actual = self.read(target, deadline)
    _APPLY(self, target, wanted, actual.resource_version if actual else CREATE_ONLY, deadline)


def _unconditional(write: _Write) -> None:
    self, target, wanted, _, deadline = write
    _APPLY(self, target, wanted, "", deadline)


def _create_anyway(write: _Write) -> None:
    self, target, wanted, version, deadline = write
    _APPLY(self, target, wanted, "" if version == CREATE_ONLY else version, deadline)


def _whichever(write: _Write) -> None:
    self, target, wanted, version, deadline = write
    _APPLY(self, target, replace(wanted, uid=""), version, deadline)


def _again(write: _Write) -> None:
    try:
        _APPLY(*write)
    except Conflict:
        _of_now(write)


def _ignore(write: _Write) -> None:
    try:
        _APPLY(*write)
    except Conflict:
        return


def _list_or_nothing(
    self: KeyVaults, vault: VaultName, deadline: Deadline
) -> Sequence[ListedSecret]:
    try:
        return _LIST(self, vault, deadline)
    except Transient:
        return ()


def _get_or_nothing(
    self: KeyVaults, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
) -> VaultSecret | Unserved:
    try:
        return _GET(self, vault, name, deadline, version)
    except Transient:
        return Unserved.MISSING


@dataclass(frozen=True, slots=True)
class _Announced:
    """A vault that serves the version which an event names."""

    vaults: Vaults
    hint: Hint

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        return self.vaults.list(vault, deadline)

    def versions(self, vault: VaultName, name: str, deadline: Deadline) -> Sequence[ListedVersion]:
        return self.vaults.versions(vault, name, deadline)

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        return self.vaults.get(vault, name, deadline, version or self.hint.version)


def _read_as_announced(  # noqa: PLR0913 - as the method that it stands for
    self: SecretReader,
    observed: ObservedVault,
    name: SecretName,
    hint: Hint | None,
    deadline: Deadline,
    *,
    is_listed: bool,
) -> Fetched | Excluded | Refused | Unserved:
    reader = self if hint is None else replace(self, vaults=_Announced(self.vaults, hint))
    return _READ(reader, observed, name, hint, deadline, is_listed=is_listed)


def _place_or_leave_out(
    self: Rules, target: Target, name: str, tags: Mapping[str, str], content_type: str
) -> Placement | Excluded:
    try:
        return _PLACE(self, target, name, tags, content_type)
    except Permanent:
        return Excluded("its tags are wrong")


def _arrives_as_it_is_written(
    vault: ObservedVault, survey: VaultSurvey, secret: str, name: SecretName
) -> bool:
    return isinstance(survey.verdicts[name], Fetched) or _ARRIVED(vault, survey, secret, name)


def _arrived_whenever(
    vault: ObservedVault, survey: VaultSurvey, secret: str, name: SecretName
) -> bool:
    placement = survey.placed.get(name)
    return placement is not None and vault.holds(secret, placement, name)


def _loose_keys_go(
    vault: ObservedVault,
    survey: VaultSurvey,
    settled: members.Settled,
    now: float,
    *,
    prune: bool,
) -> Mapping[str, desired.Loose]:
    found = _LOOSE(vault, survey, settled, now, prune=prune)
    return {secret: replace(each, stay=False) for secret, each in found.items()}


def _last_one_wins(self: Members, *, swap: bool) -> Iterator[tuple[SecretName, Clash | LabelClash]]:
    last = max(self.arriving, default=None)
    return ((name, clash) for name, clash in _HELD_BACK(self, swap=swap) if name != last)


def _recorded(self: ObservedSecret) -> Mapping[SecretName, Record]:
    return self.state.secrets if self.state else {}


def _counts(
    instead: Callable[[ObservedSecret, DesiredSecret, str, Count], Count],
) -> Patch:
    """Count in another way: what is given is how it is done as it should be."""

    def counts_after(
        observed: ObservedSecret,
        wanted: DesiredSecret,
        at: int | None,
        silent: Collection[SecretName],
    ) -> Mapping[str, Count]:
        found = _COUNTS(observed, wanted, at, silent)
        return {key: instead(observed, wanted, key, count) for key, count in found.items()}

    return turn, "counts_after", counts_after


def _by_version(observed: ObservedSecret, wanted: DesiredSecret, key: str, count: Count) -> Count:
    before = observed.state.counts.get(key) if observed.state else None
    same = key in wanted.entries and wanted.entries[key].version == observed.version(key)
    return before if before is not None and same else count


def _from_one(observed: ObservedSecret, _wanted: DesiredSecret, key: str, count: Count) -> Count:
    before = observed.state.counts.get(key) if observed.state else None
    if count == before:
        return count
    return replace(count, at=1 if before is None else before.at + 1)


def _barred_by_time(secret: ListedSecret, validity: Validity, now: float) -> Newest | None:
    return None if secret.managed and not secret.enabled else _BARRED(secret, validity, now)


MUTANTS = (
    Mutant(
        "vault first",
        "the revision is read after the vault",
        (_apply(_of_now),),
        "newer",
        killers.VAULT_FIRST,
    ),
    Mutant(
        "no precondition",
        "the write goes out without a resourceVersion",
        (_apply(_unconditional),),
        "newer",
        killers.RACE,
    ),
    Mutant(
        "no create-only",
        "what was absent is written whatever is there by then",
        (_apply(_create_anyway),),
        "newer",
        killers.RACE_TO_CREATE,
    ),
    Mutant(
        "no uid",
        "what was deleted meanwhile is made anew by the old plan",
        (_apply(_whichever),),
        "planned",
        killers.DELETED,
    ),
    Mutant(
        "old plan again",
        "after a conflict the same plan is written on what is there by then",
        (_apply(_again),),
        "newer",
        killers.RACE,
    ),
    Mutant(
        "conflict ignored",
        "a write that lost its race is taken for done",
        (_apply(_ignore),),
        "told",
        killers.LOST_RACE,
    ),
    Mutant(
        "no settled second",
        "`updated` is trusted within its own second",
        ((secret_reader, "SETTLED_SECONDS", -60),),
        "told",
        killers.SAME_SECOND,
    ),
    Mutant(
        "no freshness",
        "a lagging vault's older version replaces the one that was written",
        ((SecretReader, "refuse_older", lambda *_: None),),
        "newer",
        killers.LAG,
    ),
    Mutant(
        "the event's version",
        "what the event names is written, not what the vault serves",
        ((SecretReader, "read", _read_as_announced),),
        "newer",
        killers.LATE_EVENT,
    ),
    Mutant(
        "failed listing is empty",
        "a vault that cannot be listed, or read, is taken to have nothing",
        ((KeyVaults, "list", _list_or_nothing), (KeyVaults, "get", _get_or_nothing)),
        "present",
        killers.VAULT_DOWN,
    ),
    Mutant(
        "failed get is absence",
        "a secret that is not listed and cannot be fetched loses its keys",
        ((KeyVaults, "get", _get_or_nothing),),
        "present",
        killers.GET_FAILS,
    ),
    Mutant(
        "listing alone removes",
        "what a listing lacks loses its keys without a get",
        ((vault_reader, "TO_CONFIRM", ()),),
        "present",
        killers.LISTING_LAGS,
    ),
    Mutant(
        "wrong tags are absence",
        "a secret whose tags are wrong loses its keys",
        ((Rules, "place", _place_or_leave_out),),
        "present",
        killers.WRONG_TAG,
    ),
    Mutant(
        "no way between",
        "what moves leaves its old Secret before the new one has it",
        ((members, "has_arrived", lambda *_: True),),
        "moved",
        killers.MOVE,
    ),
    Mutant(
        "arrives as it is written",
        "what is only now written to the new Secret counts as being there",
        ((members, "has_arrived", _arrives_as_it_is_written),),
        "moved",
        killers.MOVED_BACK,
    ),
    Mutant(
        "arrived whenever",
        "a key leaves for a place that was written before the tags changed",
        ((members, "has_arrived", _arrived_whenever),),
        "moved",
        killers.MOVED_BACK,
    ),
    Mutant(
        "no doubt",
        "keys of a Secret whose state was lost go before what moves is in its new place",
        ((desired, "loose_keys", _loose_keys_go),),
        "moved",
        killers.MOVE_WITHOUT_STATE,
    ),
    Mutant(
        "no index",
        "the vault's own Secret does not remember the others",
        ((desired, "further_secrets", lambda *_: {}),),
        "agrees",
        killers.LEFT_IN_OTHER,
    ),
    Mutant(
        "last one wins",
        "a key that two secrets claim goes to the later one",
        ((Members, "held_back", _last_one_wins),),
        "present",
        killers.CLASH,
    ),
    Mutant(
        "drift unseen",
        "keys that somebody else changed are taken for intact",
        ((ObservedSecret, "intact", property(lambda self: frozenset(self.recorded))),),
        "agrees",
        killers.DRIFT,
    ),
    Mutant(
        "overlay unseen",
        "a key that somebody else applied as stringData is taken for intact",
        ((ObservedSecret, "records", property(_recorded)),),
        "agrees",
        killers.OVERLAID,
    ),
    Mutant(
        "not before is nothing",
        "a version that is not valid yet replaces the live one",
        ((Validity, "is_ahead", lambda *_: False),),
        "valid",
        killers.WAITS,
    ),
    Mutant(
        "its time is forgotten",
        "a version that became valid is taken for the one that is in",
        ((Record, "stands_in", False),),
        "agrees",
        killers.BECOMES_VALID,
    ),
    Mutant(
        "pending is disabled",
        "a certificate whose next version is disabled loses its keys",
        ((vault_reader, "barred", _barred_by_time),),
        "present",
        killers.PENDING,
    ),
    Mutant(
        "no guard",
        "an empty listing takes all away",
        ((desired, "guarded_secrets", lambda *_, **__: frozenset()),),
        "guard",
        killers.EMPTIED,
    ),
    Mutant(
        "foreign taken",
        "a Secret that somebody else claims is taken unasked",
        ((observing, "refuse_foreign", lambda *_, **__: None),),
        "foreign",
        killers.CLAIMED,
    ),
    Mutant(
        "link taken",
        "somebody else's link is replaced by the one to the vault's page",
        ((turn, "asked_link", lambda _observed, _rules, page: {LINK_ANNOTATION: page()}),),
        "foreign",
        killers.LINKED,
    ),
    Mutant(
        "dry run writes",
        "a dry run is none",
        ((Rehearsal, "apply", lambda self, *given: self.cluster.apply(*given)),),
        "dry",
        killers.DRY_RUN,
    ),
    Mutant(
        "case matters",
        "two spellings of one name are two secrets",
        ((SecretName, "__eq__", str.__eq__), (SecretName, "__hash__", str.__hash__)),
        "agrees",
        killers.TWO_SPELLINGS,
    ),
    Mutant(
        "versions are counted",
        "the count of a key moves if its version changed, so not with a repair of drift",
        (_counts(_by_version),),
        "counted",
        killers.DRIFT,
    ),
    Mutant(
        "eviction is forgotten",
        "what an eviction has set is taken for unchanged by the apply that follows",
        ((ObservedSecret, "unapplied", frozenset[str]()),),
        "counted",
        killers.EVICTED,
    ),
    Mutant(
        "the second alone",
        "a count is the second of the write, also if another one was in it",
        ((turn, "next_time", lambda _state, now: int(now)),),
        "counted",
        killers.CHANGED_AT_ONCE,
    ),
    Mutant(
        "counted from one",
        "a key's first count is one, also in a Secret that is made anew",
        (_counts(_from_one),),
        "counted",
        killers.MADE_ANEW,
    ),
)
"""All of them; `docs/proof.md` tells what caught each."""
