"""Decides what each of a vault's Secrets should contain."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync.core.changes import Count
from sync.core.errors import SyncError
from sync.core.model import SECRET_TYPE, SecretName
from sync.core.state import Record, Refusal, Unusable
from sync.projection.placement import Excluded
from sync.reconcile.guards import Loss, guarded_secrets, lists_nothing, unsafe
from sync.reconcile.members import Members, Settled, by_key, settle
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.refusals import remembered
from sync.reconcile.secret_reader import FRESH_SECONDS
from sync.reconcile.survey import VaultSurvey
from sync.reconcile.type_checks import refuse_other_types


@dataclass(frozen=True, slots=True)
class Entry:
    """The desired value of one key, and the version of the vault secret that it comes from.

    The version is empty for a key that we own but whose version we no longer know.
    """

    value: bytes = field(repr=False)
    version: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class DesiredSecret:
    """The desired keys of ours in one Secret, and the records of the vault secrets behind them.

    Keys that a record names but `entries` lacks stay as they are, and so do the keys in `left`.
    `why` maps vault secrets to the reason why their keys are removed. `counts` are by key.
    """

    entries: Mapping[str, Entry]
    records: Mapping[SecretName, Record]
    type: str = SECRET_TYPE
    left: frozenset[str] = frozenset()
    why: Mapping[SecretName, str] = field(default_factory=dict)
    others: Mapping[str, tuple[SecretName, ...]] = field(default_factory=dict)
    refused: Mapping[SecretName, Refusal] = field(default_factory=dict)
    unnamed: int = 0
    unusable: Mapping[SecretName, Unusable] = field(default_factory=dict)
    counts: Mapping[str, Count] = field(default_factory=dict)

    @property
    def kept(self) -> frozenset[str]:
        """The keys that are not removed."""
        return self.left.union(self.entries, by_key(self.records))


@dataclass(frozen=True, slots=True)
class DesiredVault:
    """The desired contents of each Secret, and why some vault secrets are not fully synced.

    `waiting` are secrets whose key becomes free only when its holder is in its new place. `moving`
    says that another turn is needed to get everything to where it belongs.
    """

    secrets: Mapping[str, DesiredSecret]
    refused: Mapping[SecretName, SyncError] = field(default_factory=dict)
    waiting: Mapping[SecretName, SyncError] = field(default_factory=dict)
    clashing: bool = False
    moving: bool = False


def compose(
    vault: ObservedVault, survey: VaultSurvey, now: float, *, prune: bool, removals: bool
) -> DesiredVault:
    """Combine what was read with what stays.

    `prune` allows the removal of keys, `removals` the removal of many at once. A key that moves to
    another Secret stays in the old one until it is found in the new one.
    """
    survey, mistyped = refuse_other_types(vault, survey)
    guarded: frozenset[str] = frozenset()
    lost: dict[SecretName, SyncError] = {}
    settled = settle(vault, survey, prune=prune, guarded=guarded)
    loose = loose_keys(vault, survey, settled, now, prune=prune)
    if prune and not removals and survey.listed is not None:
        losses = {s: _loss(each, loose[s]) for s, each in settled.secrets.items()}
        listed = 0 if lists_nothing(vault.target) else survey.listed
        guarded = guarded_secrets(losses, listed=listed)
        for secret in sorted(guarded):
            error = unsafe(vault.secrets[secret].target, losses[secret], listed=listed)
            lost |= dict.fromkeys(losses[secret].names, error)
        if guarded:
            settled = settle(vault, survey, prune=prune, guarded=guarded)
            loose = loose_keys(vault, survey, settled, now, prune=prune)
    secrets = {
        secret: _desired(vault, members, loose[secret], keep_loose=secret in guarded)
        for secret, members in settled.secrets.items()
    }
    refused = {**lost, **settled.clashing, **_closed(vault, survey), **survey.refused, **mistyped}
    own = vault.target.secret
    secrets[own] = replace(
        secrets[own],
        others=further_secrets(vault, secrets),
        refused=remembered(vault, survey, {**settled.waiting, **refused}, int(now)),
        unnamed=vault.own.state.unnamed if vault.own.state and survey.listed is None else 0,
        unusable=_unusable(vault, survey),
    )
    # A Secret created now may come too late for a move, and an emptied one leaves the index: the
    # next turn has to check.
    made_or_emptied = any(
        bool(vault.secrets[secret].records) != bool(each.records)
        for secret, each in secrets.items()
        if secret != own
    )
    leaving = any(members.leaving for members in settled.secrets.values())
    uncertain = prune and any(each.on_their_way and each.keys for each in loose.values())
    moving = made_or_emptied or leaving or uncertain or bool(settled.waiting)
    return DesiredVault(secrets, refused, settled.waiting, bool(settled.clashing), moving)


def _unusable(vault: ObservedVault, survey: VaultSurvey) -> Mapping[SecretName, Unusable]:
    """Return the secrets none of whose versions may be used, those that were not read included."""
    if survey.listed is not None or vault.own.state is None:
        return survey.unusable
    before = vault.own.state.unusable
    return {name: at for name, at in before.items() if name not in survey.verdicts}


@dataclass(frozen=True, slots=True)
class Loose:
    """The keys of one Secret that are ours without a record, and whether and why they stay."""

    keys: frozenset[str]
    stay: bool
    on_their_way: bool


def loose_keys(
    vault: ObservedVault, survey: VaultSurvey, settled: Settled, now: float, *, prune: bool
) -> Mapping[str, Loose]:
    """Find the keys that have no record, so that nothing shows which secret they came from.

    They stay in the turn that finds no state of ours and for a minute after, while the vault may
    lag. They also stay while they may belong to a secret that is unreadable, refused or moving, or
    if a refused version would become one of them.
    """
    unknown = survey.listed is None or any(name not in vault.records for name in survey.refused)
    found: dict[str, Loose] = {}
    for secret, members in settled.secrets.items():
        observed = members.observed
        claimed = by_key(_records(members))
        arriving = {key for each in members.arriving.values() for key in each.values}
        ours = observed.removable if prune else observed.ours
        keys = ours.difference(observed.recorded if prune else (), claimed, arriving)
        on_their_way = any(
            not vault.holds(place, each.placement, name)
            for name, each in survey.fetched.items()
            for place in each.placement.secrets
            if place != secret
        )
        placed = [survey.placed[name] for name in survey.refused if name in survey.placed]
        awaited = {place.key for place in placed if secret in place.secrets}
        state = observed.state
        young = state is None or now - state.written < FRESH_SECONDS
        stay = not prune or young or unknown or on_their_way or bool(settled.clashing)
        stay = stay or not awaited.isdisjoint(keys)
        found[secret] = Loose(keys, stay, on_their_way)
    return found


def _records(members: Members) -> dict[SecretName, Record]:
    """Return the records to store for a Secret's vault secrets."""
    records = {**members.staying}
    for name, fetched in members.arriving.items():
        records.pop(name, None)  # the vault's current spelling wins
        records[name] = fetched.record
    for name, record in {**members.leaving, **members.gone}.items():
        if by_key(records).keys().isdisjoint(record.keys):
            records[name] = record
    return records


def _loss(members: Members, loose: Loose) -> Loss:
    """Return what a Secret would lose to exclusion by the vault or for lack of a record."""
    observed = members.observed
    excluded = [name for name, why in members.going.items() if isinstance(why, Excluded)]
    keys = {
        key
        for name in excluded
        for key in observed.records[name].keys
        if key in observed.ours and observed.recorded[key] == name
    }
    loose_keys = frozenset() if loose.stay else loose.keys
    names = (*excluded, *map(SecretName, sorted(loose_keys)))
    return Loss(len(observed.ours), len(keys | loose_keys), tuple(names))


def _desired(
    vault: ObservedVault, members: Members, loose: Loose, *, keep_loose: bool
) -> DesiredSecret:
    """Return the desired contents of one Secret."""
    observed = members.observed
    records = _records(members)
    left = loose.keys if loose.stay or keep_loose else frozenset[str]()
    claimed = by_key(records).keys()
    entries = {
        key: Entry(observed.data[key], observed.version(key), observed.recorded.get(key, ""))
        for key in (claimed | left) & observed.removable
    }
    for name, each in members.arriving.items():
        entries |= {
            key: Entry(value, each.record.version, str(name)) for key, value in each.values.items()
        }
    kinds = {each.placement.type for each in members.arriving.values() if each.placement.type}
    why = {
        name: reason.reason if isinstance(reason, Excluded) else reason
        for name, reason in members.going.items()
    }
    return DesiredSecret(
        entries, records, min(kinds).value if kinds else _type(vault, observed), left, why
    )


def _type(vault: ObservedVault, observed: ObservedSecret) -> str:
    own = observed.target.secret == vault.target.secret
    if own or observed.actual is None or observed.state is None:
        return SECRET_TYPE
    return observed.actual.type


def _closed(vault: ObservedVault, survey: VaultSurvey) -> Mapping[SecretName, SyncError]:
    """Return the vault secrets that are in, or belong to, inaccessible Secrets."""
    led = {
        name: vault.closed[secret]
        for name, placement in survey.placed.items()
        for secret in placement.secrets
        if secret in vault.closed
    }
    known = {
        name: error
        for secret, error in vault.closed.items()
        for name in vault.index.get(secret, ())
    }
    return {**known, **led}


def further_secrets(
    vault: ObservedVault, secrets: Mapping[str, DesiredSecret]
) -> Mapping[str, tuple[SecretName, ...]]:
    """Return the own Secret's index, which lists a further Secret until that is empty."""
    index = {s: names for s, names in vault.index.items() if s not in vault.secrets}
    for secret, desired in secrets.items():
        records = desired.records or vault.secrets[secret].records
        if secret != vault.target.secret and records:
            index[secret] = tuple(sorted(records))
    return index
