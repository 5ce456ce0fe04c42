"""What each of a vault's Secrets shall hold, from how they stand and what was read."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property

from sync.core.annotation import Record
from sync.core.errors import Permanent, SyncError
from sync.core.model import SECRET_TYPE
from sync.core.reasons import Reason
from sync.projection.rules import TAGGED
from sync.reconcile.observed import ObservedVault
from sync.reconcile.plan import DesiredSecret, Entry, ObservedSecret
from sync.reconcile.vault_reader import Fetched, VaultSurvey

CLASHING = "clash"
"""The mark of one whose key another claims as well, after what says if it is tagged: no placement
has it, so it is read again."""


@dataclass(frozen=True, slots=True)
class DesiredVault:
    """What the Secrets shall hold, by Secret, and why some vault secrets are not fully in.

    `waiting` are those whose key is free only when its holder is in its new place. `moving` says
    that this write does not get everything to where it belongs, and the next one does.
    """

    secrets: Mapping[str, DesiredSecret]
    unread: Mapping[str, SyncError] = field(default_factory=dict)
    waiting: Mapping[str, SyncError] = field(default_factory=dict)
    clashing: bool = False
    moving: bool = False


def compose(
    holdings: ObservedVault, reading: VaultSurvey, *, prune: bool, foresee: bool = False
) -> DesiredVault:
    """Put together what was read and what stays.

    `prune` says if keys may go. What moves to another Secret stays in the old one until the new one
    has it; `foresee` takes it for arrived, to tell where it all ends.
    """
    reading = _of_the_type(holdings, reading)
    parts = [_Part(holdings, reading, standing) for standing in holdings.standings.values()]
    waiting = {} if foresee else _waiting(parts)
    secrets: dict[str, DesiredSecret] = {}
    unread = {**_shut(holdings), **reading.unread}
    clashing, moving = False, bool(waiting)
    for part in parts:
        part.settle(waiting, foresee=foresee)
        own = part.secret == holdings.target.secret
        content = secrets[part.secret] = part.content(prune=prune)
        unread = {**part.told, **unread}
        clashing = clashing or bool(part.told)
        turned = not own and bool(part.standing.records) != bool(content.records)
        moving = moving or turned or bool(part.leaving) or part.uncertain
    own_content = secrets[holdings.target.secret]
    others = _others(holdings, secrets)
    secrets[holdings.target.secret] = replace(own_content, others=others)
    return DesiredVault(secrets, unread, waiting, clashing, moving)


class _Part:
    """One Secret's part of the reading: what arrives, what stays and what leaves."""

    def __init__(
        self, holdings: ObservedVault, reading: VaultSurvey, standing: ObservedSecret
    ) -> None:
        self.secret = standing.target.secret
        self.standing = standing
        self.arriving = {
            name: each
            for name, each in reading.rendered.items()
            if each.placement.secret == self.secret
        }
        self.staying: dict[str, Record] = {}
        self.leaving: dict[str, Record] = {}
        self._ghosts: dict[str, Record] = {}
        self._reading = reading
        self._own = self.secret == holdings.target.secret
        self._underway = any(
            each.placement.secret != self.secret and not holdings.holds(each.placement, name)
            for name, each in reading.rendered.items()
        )
        known = {name.lower() for name in holdings.records}
        self._doubtful = not reading.listed or any(n.lower() not in known for n in reading.unread)
        self.uncertain = False
        """Whether keys that no record claims stay for what is on its way elsewhere."""
        self._sort(holdings)

    def _sort(self, holdings: ObservedVault) -> None:
        """Say of each vault secret that was here if it stays or leaves; else it has left."""
        reading = self._reading
        spelling = {name.lower(): name for name in (*reading.unread, *reading.placed)}
        for name, record in self.standing.records.items():
            spelled = spelling.get(name.lower(), name)
            place = reading.placed.get(spelled)
            if name in reading.gone or spelled in self.arriving:
                continue
            if reading.listed and name.lower() not in spelling:
                self._ghosts[name] = record
            elif (
                place is None
                or spelled in reading.unread
                or (place.secret == self.secret and spelled == name)
            ):
                self.staying[name] = record
            elif not holdings.holds(place, spelled):
                self._keep_leaving(name, record, self.standing.held)

    def settle(self, waiting: Collection[str], *, foresee: bool) -> None:
        """Let those wait that are to, and let go of what gives way to those that are not."""
        self._underway = self._underway and not foresee
        for name in waiting & self.arriving.keys():
            del self.arriving[name]
            if name in self.standing.records:
                self.staying[name] = self.standing.records[name]
        taken = {key for each in self.arriving.values() for key in each.values}
        leaving, self.leaving = self.leaving, {}
        for name, record in leaving.items():
            if not foresee:
                self._keep_leaving(name, record, self.standing.held - taken)

    def _keep_leaving(self, name: str, record: Record, keys: AbstractSet[str]) -> None:
        """Keep those of the keys that one who leaves has here."""
        named = set(record.keys(name))
        if named <= keys:
            self.leaving[name] = record
        elif here := tuple(sorted(named & keys)):
            self.leaving[name] = _as_clashing(record, here)

    def content(self, *, prune: bool) -> DesiredSecret:
        """Return what the Secret shall hold."""
        records = {name: self._record(name) for name in (*self.staying, *self.arriving)}
        records |= self.leaving
        claimed = {key for name, record in records.items() for key in record.keys(name)}
        for name, record in self._ghosts.items():
            if claimed.isdisjoint(record.keys(name)):
                records[name] = record
                claimed.update(record.keys(name))
        left = self._left(claimed, prune=prune)
        self.uncertain = prune and self._underway and bool(left)
        entries = {
            key: self.standing.entry(key) for key in (claimed | left) & self.standing.held
        } | {
            key: Entry(value, each.record.version)
            for name, each in self.arriving.items()
            for key, value in each.values.items()
            if key not in self.clashes
        }
        kinds = {each.placement.type for each in self.arriving.values() if each.placement.type}
        kind = min(kinds).value if kinds else self._type()
        return DesiredSecret(entries, records, kind, left=left)

    @cached_property
    def clashes(self) -> Mapping[str, list[str]]:
        """The keys that several claim, and who: what leaves claims nothing any more."""
        claims: defaultdict[str, list[str]] = defaultdict(list)
        arriving = {name: each.record for name, each in self.arriving.items()}
        for name, record in sorted({**self.staying, **arriving}.items()):
            for key in record.keys(name):
                claims[key].append(name)
        return {key: names for key, names in claims.items() if len(names) > 1}

    @property
    def told(self) -> Mapping[str, SyncError]:
        """What is wrong with those whose keys clash."""
        return {
            name: Permanent(
                Reason.KEY_CLASH,
                f"Key {key!r} of Secret {self.standing.target} is claimed by the vault secrets "
                f"{' and '.join(repr(each) for each in names)}: neither is written until one of "
                "them takes another key (tag k8s-key) or goes.",
            )
            for key, names in sorted(self.clashes.items(), reverse=True)
            for name in names
        }

    def _record(self, name: str) -> Record:
        """Return what to remember; of one whose key clashes also the keys that it had before."""
        if name not in self.arriving:
            return self.staying[name]
        record, before = self.arriving[name].record, self.standing.records.get(name)
        keys = set(record.keys(name))
        if keys.isdisjoint(self.clashes):
            return record
        named = tuple(sorted(keys | self._spared(name, before)))
        if not keys <= self.clashes.keys():
            written = record
        elif before is not None:
            written = before
        else:
            written = replace(record, version="")
        return _as_clashing(replace(written, fingerprint=record.fingerprint), named)

    def _spared(self, name: str, before: Record | None) -> set[str]:
        """Return the keys that one whose new key clashes keeps, for nobody else claims them."""
        if before is None:
            return set()
        arriving = {key for n, each in self.arriving.items() if n != name for key in each.values}
        staying = {key for n, r in self.staying.items() for key in r.keys(n)}
        return (set(before.keys(name)) & self.standing.held) - arriving - staying

    def _left(self, claimed: Collection[str], *, prune: bool) -> frozenset[str]:
        """Return the keys of ours that no record claims and that are not to go.

        With pruning those that may be of a vault secret that could not be read, whose key another
        claims, or that is not in its new Secret yet: without a record nothing tells what it had.
        """
        if not prune:
            return self.standing.ours.difference(claimed)
        loose = self.standing.held.difference(self.standing.keyed, claimed)
        return loose if self._underway or self._doubtful or self.clashes else frozenset()

    def _type(self) -> str:
        actual = self.standing.actual
        mine = self._own or actual is None or self.standing.state is None
        return SECRET_TYPE if mine or actual is None else actual.type


def _as_clashing(record: Record, named: tuple[str, ...]) -> Record:
    """Return the record of one that does not have all its keys: it is read again each time."""
    tagged = TAGGED if record.fingerprint.startswith(TAGGED) else ""
    return replace(record, settled=False, fingerprint=tagged + CLASHING, named=named)


def _waiting(parts: Collection[_Part]) -> Mapping[str, SyncError]:
    """Find the vault secrets that want a key whose holder has yet to get to its new Secret.

    They wait while anybody gets on. Where they only wait for each other, as two that swap their
    places, none of them does.
    """
    waiting: dict[str, SyncError] = {}
    holders: dict[str, set[str]] = {}
    for part in parts:
        for name, each in part.arriving.items():
            for holder, record in part.leaving.items():
                if shared := each.values.keys() & set(record.keys(holder)):
                    holders.setdefault(name, set()).add(holder)
                    waiting[name] = Permanent(
                        Reason.KEY_CLASH,
                        f"Key {min(shared)!r} of Secret {part.standing.target}, which vault secret "
                        f"{name!r} claims, stays with {holder!r} until that is in its new place.",
                    )
    stuck = all(not blocking.isdisjoint(waiting) for blocking in holders.values())
    return {} if stuck else waiting


def _of_the_type(holdings: ObservedVault, reading: VaultSurvey) -> VaultSurvey:
    """Take those for failed that ask for a Secret of another type than it has or is to get."""
    asked: defaultdict[str, dict[str, Fetched]] = defaultdict(dict)
    for name, each in reading.rendered.items():
        if each.placement.type is not None:
            asked[each.placement.secret][name] = each
    failed: dict[str, SyncError] = {}
    for secret, asking in asked.items():
        standing = holdings.standings[secret]
        actual = standing.actual.type if standing.actual and standing.state else None
        kinds = {each.placement.type for each in asking.values()}
        if actual is not None:
            failed |= {
                name: Permanent(
                    Reason.SECRET_TYPE_MISMATCH,
                    f"Secret {name!r} asks for Secret {standing.target} as "
                    f"{each.placement.type}, which is of type {actual!r}, and a type cannot be "
                    "changed: name another by k8s-secret, or delete the Secret to have it made "
                    "anew.",
                )
                for name, each in asking.items()
                if each.placement.type != actual
            }
        elif len(kinds) > 1:
            failed |= {
                name: Permanent(
                    Reason.TYPES_DIFFER,
                    f"Secret {name!r} asks for Secret {secret!r} as {each.placement.type}, and "
                    "another vault secret for the same one of another type: name two by "
                    "k8s-secret.",
                )
                for name, each in asking.items()
            }
    if not failed:
        return reading
    rendered = {name: each for name, each in reading.rendered.items() if name not in failed}
    return replace(reading, rendered=rendered, unread={**reading.unread, **failed})


def _shut(holdings: ObservedVault) -> Mapping[str, SyncError]:
    """Return the vault secrets that are in Secrets which cannot be had."""
    return {
        name: error
        for secret, error in holdings.closed.items()
        for name in holdings.others.get(secret, ())
    }


def _others(
    holdings: ObservedVault, secrets: Mapping[str, DesiredSecret]
) -> Mapping[str, tuple[str, ...]]:
    """Return what the vault's own Secret is to remember: a Secret until it stands empty."""
    others = {
        secret: names
        for secret, names in holdings.others.items()
        if secret not in holdings.standings
    }
    for secret, content in secrets.items():
        records = content.records or holdings.standings[secret].records
        if secret != holdings.target.secret and records:
            others[secret] = tuple(sorted(records))
    return others
