"""Decides which vault secrets are in each Secret after a write, and which of them has which key.

A key belongs to one vault secret at a time. Its holder keeps it until it gives it up; any other
secret that claims it is refused and keeps the keys it had. So a wrong tag never affects another
secret's key.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sync.core.errors import Permanent, SyncError
from sync.core.model import SecretName, Target
from sync.core.reasons import Reason
from sync.core.state import Record
from sync.projection.placement import Excluded, Placement
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.survey import Fetched, Refused, VaultSurvey


@dataclass(slots=True)
class Members:
    """The vault secrets of one Secret, grouped by what the next write does with them.

    `arriving` are written; `staying` do not change. `leaving` are not in their new places yet, so
    they keep their keys here. `gone` are missing or excluded, but pruning is off. `going` lose
    their keys now, with the reason.
    """

    observed: ObservedSecret
    arriving: dict[SecretName, Fetched] = field(default_factory=dict)
    staying: dict[SecretName, Record] = field(default_factory=dict)
    leaving: dict[SecretName, Record] = field(default_factory=dict)
    gone: dict[SecretName, Record] = field(default_factory=dict)
    going: dict[SecretName, Excluded | str] = field(default_factory=dict)

    def held_back(self, *, swap: bool) -> Iterator[tuple[SecretName, "Clash | LabelClash"]]:
        """Yield each secret that cannot have its keys or labels, with what prevents it.

        With `swap` a leaving secret does not block its keys.
        """
        yield from self._label_clashes(swap=swap)
        holders = {} if swap else by_key(self.leaving)
        holders |= by_key(self.staying)
        claims: defaultdict[str, list[SecretName]] = defaultdict(list)
        for name, fetched in sorted(self.arriving.items()):
            record = self.observed.records.get(name)
            for key in fetched.values:
                claims[key].append(name)
                if record is not None and key in record.keys:
                    holders.setdefault(key, name)
        for key, names in claims.items():
            if key not in holders and (holder := self._whose(key, names)) is not None:
                holders[key] = holder
            for name in names:
                if holders.get(key, name if len(names) == 1 else None) != name:
                    yield name, Clash(key, holders.get(key), tuple(names))

    def _whose(self, key: str, names: Iterable[SecretName]) -> SecretName | None:
        """Return the only claimant whose value a key without a record has.

        An eviction sets such a key, and the apply that follows records it.
        """
        there = self.observed.data.get(key)
        same = [name for name in names if self.arriving[name].values[key] == there]
        return same[0] if len(same) == 1 else None

    def _label_clashes(self, *, swap: bool) -> Iterator[tuple[SecretName, "LabelClash"]]:
        """Yield each secret that asks for another value of a label than a holder has."""
        claims: defaultdict[str, defaultdict[str, list[SecretName]]]
        claims = defaultdict(lambda: defaultdict(list))
        holders: defaultdict[str, dict[str, SecretName]] = defaultdict(dict)
        for name, record in {**({} if swap else self.leaving), **self.staying}.items():
            for label, value in record.labels:
                holders[label][value] = name
        for name, fetched in sorted(self.arriving.items()):
            before = self.observed.records.get(name)
            for label, value in fetched.record.labels:
                claims[label][value].append(name)
                if before is not None and (label, value) in before.labels:
                    holders[label].setdefault(value, name)
        for label, values in claims.items():
            held = holders[label]
            if len({*values, *held}) == 1:
                continue
            kept = self.observed.label_value(label, held)
            claimants = tuple(sorted(name for names in values.values() for name in names))
            for value, names in values.items():
                for name in names if value != kept else ():
                    holder = None if kept is None else held[kept]
                    yield name, LabelClash(label, holder, claimants)

    def hold_back(self, name: SecretName) -> None:
        """Leave a secret as it is here, as if it had not been read."""
        del self.arriving[name]
        if name in self.observed.records:
            self.staying[name] = self.observed.records[name]


@dataclass(frozen=True, slots=True)
class Clash:
    """A key that several secrets claim, or that one claims and another has."""

    key: str
    holder: SecretName | None
    claimants: tuple[SecretName, ...]

    def error(self, target: Target, name: SecretName, until: str = "") -> Permanent:
        """Return the error that says why a vault secret does not get the key."""
        if self.holder is None:
            names = " and ".join(repr(each) for each in self.claimants)
            why = f"is asked for by the vault secrets {names}, and none of them has it yet"
        else:
            why = f"is asked for by vault secret {name!r} and stays with {self.holder!r}{until}"
        remedy = (
            "give one of them another key by its tag k8s-key"
            if target.application is None
            else "give the variables of one of them a prefix by `prefix` in SYNC_APPLICATIONS"
        )
        return Permanent(Reason.KEY_CLASH, f"Key {self.key!r} of Secret {target} {why}: {remedy}.")


@dataclass(frozen=True, slots=True)
class LabelClash:
    """A label for which several secrets ask with different values."""

    label: str
    holder: SecretName | None
    claimants: tuple[SecretName, ...]

    def error(self, target: Target, name: SecretName, until: str = "") -> Permanent:
        """Return the error that says why a vault secret does not get the label."""
        if self.holder is None:
            names = " and ".join(repr(each) for each in self.claimants)
            why = f"is asked for by the vault secrets {names} with different values"
        else:
            why = (
                f"is asked for by vault secret {name!r} with another value than {self.holder!r} "
                f"has there{until}"
            )
        return Permanent(
            Reason.LABELS_DIFFER,
            f"Label {self.label!r} of Secret {target} {why}: give both one value of the tag "
            "k8s-label-NAME, or send one to another Secret with k8s-secret.",
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """The members of each Secret, the secrets refused for a clash, and those waiting for a move."""

    secrets: Mapping[str, Members]
    clashing: Mapping[SecretName, SyncError]
    waiting: Mapping[SecretName, SyncError]


def settle(
    vault: ObservedVault,
    survey: VaultSurvey,
    *,
    prune: bool,
    guarded: AbstractSet[str],
    swap: bool = False,
) -> Settled:
    """Decide which secrets are in each Secret after the next write.

    `guarded` Secrets keep the secrets that the vault excludes. A secret that is held back keeps its
    old keys, and so may hold back another. If all waiting secrets wait only for one another, such
    as two that swap Secrets, they do not wait.
    """
    secrets = {
        name: _members(vault, survey, each, prune=prune, guarded=name in guarded)
        for name, each in vault.secrets.items()
    }
    clashing: dict[SecretName, SyncError] = {}
    waiting: dict[SecretName, SyncError] = {}
    waits_for: dict[SecretName, SecretName] = {}
    for members in secrets.values():
        while blocked := dict(members.held_back(swap=swap)):
            for name, clash in blocked.items():
                members.hold_back(name)
                target, holder = members.observed.target, clash.holder
                if holder is not None and holder in members.leaving:
                    waits_for[name] = holder
                    waiting[name] = clash.error(target, name, " until that is in its new place")
                else:
                    clashing[name] = clash.error(target, name)
    if waits_for and waits_for.keys() >= set(waits_for.values()):
        return settle(vault, survey, prune=prune, guarded=guarded, swap=True)
    return Settled(secrets, clashing, waiting)


def by_key(records: Mapping[SecretName, Record]) -> dict[str, SecretName]:
    """Return the vault secret of each key."""
    return {key: name for name, record in records.items() for key in record.keys}


def _members(
    vault: ObservedVault,
    survey: VaultSurvey,
    observed: ObservedSecret,
    *,
    prune: bool,
    guarded: bool,
) -> Members:
    """Group the vault secrets that are in a Secret, and those that belong there."""
    secret = observed.target.secret
    arriving = {n: each for n, each in survey.fetched.items() if secret in each.placement.secrets}
    members = Members(observed, arriving)
    for name, record in observed.records.items():
        verdict = survey.verdicts.get(name)
        if name in arriving:
            continue
        if verdict is None or isinstance(verdict, Refused):
            members.staying[name] = record
        elif isinstance(verdict, Excluded):
            if not prune:
                members.gone[name] = record
            elif guarded:
                members.staying[name] = record
            else:
                members.going[name] = verdict
        elif secret in verdict.placement.secrets:
            members.staying[name] = record
        elif all(has_arrived(vault, survey, s, name) for s in verdict.placement.secrets):
            members.going[name] = f"it moved to {' and '.join(verdict.placement.secrets)}"
        else:
            members.leaving[name] = record
    return members


def has_arrived(vault: ObservedVault, survey: VaultSurvey, secret: str, name: SecretName) -> bool:
    """Return whether a Secret was written since the tags changed, by us or by another instance.

    This turn's own write does not count. After an earlier write, an instance that still acts on the
    old tags gets a conflict, since it read the Secret before; so it cannot remove the key.
    """
    verdict = survey.verdicts[name]
    placement: Placement | None = None if isinstance(verdict, Excluded) else verdict.placement
    if placement is None or not vault.holds(secret, placement, name):
        return False
    record = vault.secrets[secret].records[name]
    return not isinstance(verdict, Fetched) or record.updated >= verdict.record.updated
