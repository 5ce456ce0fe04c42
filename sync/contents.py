"""What each of a vault's Secrets shall hold, from how they stand and what was read."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sync.errors import Permanent, SyncError
from sync.holdings import Holdings
from sync.model import SECRET_TYPE
from sync.plan import Content, Entry, Standing
from sync.reading import Reading
from sync.state import Record

if TYPE_CHECKING:
    from sync.tags import SecretType


@dataclass(frozen=True, slots=True)
class Contents:
    """What the Secrets shall hold, by Secret, and why some vault secrets are not fully in.

    `moving` says that something stays where it was until its new place has it.
    """

    secrets: Mapping[str, Content]
    unread: Mapping[str, SyncError] = field(default_factory=dict)
    moving: bool = False


def compose(holdings: Holdings, reading: Reading, *, prune: bool) -> Contents:
    """Put together what was read and what stays.

    `prune` says that what no vault secret accounts for goes: only a listing can tell.
    """
    reading = _of_one_type(reading)
    unread: dict[str, SyncError] = dict(reading.unread)
    secrets: dict[str, Content] = {}
    moving = False
    for secret, standing in holdings.standings.items():
        part = _Part(holdings, reading, standing)
        content, clashes = part.content(prune=prune)
        secrets[secret] = content
        unread |= clashes
        emptied = bool(standing.records) and not content.records
        moving = moving or part.moving or (emptied and secret != holdings.target.secret)
    others = _others(holdings, secrets)
    own = holdings.target.secret
    secrets[own] = replace(secrets[own], others=others)
    return Contents(secrets, unread, moving)


@dataclass(slots=True)
class _Part:
    """One Secret's part of the reading."""

    holdings: Holdings
    reading: Reading
    standing: Standing
    moving: bool = False

    def content(self, *, prune: bool) -> tuple[Content, Mapping[str, SyncError]]:
        """Return what the Secret shall hold, and the vault secrets whose keys clash."""
        secret = self.standing.target.secret
        arriving = {
            name: each
            for name, each in self.reading.rendered.items()
            if each.placement.secret == secret
        }
        records = {
            **self._staying(arriving),
            **{name: each.record for name, each in arriving.items()},
        }
        claims: defaultdict[str, list[str]] = defaultdict(list)
        for name, record in sorted(records.items()):
            for key in record.keys(name):
                claims[key].append(name)
        entries: dict[str, Entry] = {}
        for key, names in claims.items():
            (name, *more) = names
            if not more and name in arriving:
                entries[key] = Entry(arriving[name].values[key], arriving[name].record.version)
            elif key in self.standing.held:
                entries[key] = self.standing.entry(key)
        kept = self._unaccounted(records, prune=prune)
        entries |= {key: self.standing.entry(key) for key in kept}
        clashes = {key: names for key, names in claims.items() if len(names) > 1}
        records |= {
            name: self._unsettled(name, records[name], clashes)
            for names in clashes.values()
            for name in names
        }
        kinds = {each.placement.type for each in arriving.values() if each.placement.type}
        kind = min(kinds).value if kinds else self._type()
        return Content(entries, records, kind), self._told(clashes)

    def _staying(self, arriving: Collection[str]) -> dict[str, Record]:
        """Return the records of what was in this Secret and stays, for now or for good."""
        staying: dict[str, Record] = {}
        secret = self.standing.target.secret
        for name, record in self.standing.records.items():
            if name in self.reading.gone or name in arriving:
                continue
            place = self.reading.placed.get(name)
            if place is not None and place.secret != secret:
                if self.holdings.holds(place, name):
                    continue
                self.moving = self.moving or name in self.reading.rendered
            staying[name] = record
        return staying

    def _unaccounted(self, records: Mapping[str, Record], *, prune: bool) -> frozenset[str]:
        """Return the keys of ours without a record that are not to go.

        With pruning those that may be of a vault secret that could not be read.
        """
        claimed = {key for name, record in records.items() for key in record.keys(name)}
        loose = self.standing.held - self.standing.keyed.keys() - claimed
        if not prune:
            return loose
        failed = [name for name in self.reading.unread if name not in records]
        known: set[str] = set()
        for name in failed:
            place = self.reading.placed.get(name)
            if place is None or place.key is None:
                return loose
            known.add(place.key.lower())
        return frozenset(key for key in loose if key.lower() in known)

    def _unsettled(self, name: str, record: Record, clashes: Mapping[str, list[str]]) -> Record:
        """Return the record of one whose key clashes: to be read again until it does no more."""
        before = self.standing.records.get(name)
        written = any(key not in clashes for key in record.keys(name))
        if written:
            return replace(record, settled=False)
        if before is None or before.mark != record.mark:
            return replace(record, version="", settled=False)
        return replace(before, settled=False)

    def _told(self, clashes: Mapping[str, list[str]]) -> Mapping[str, SyncError]:
        return {
            name: Permanent(
                "KeyClash",
                f"Key {key!r} of Secret {self.standing.target} is claimed by the vault secrets "
                f"{' and '.join(repr(each) for each in names)}: neither is written until one of "
                "them takes another key (tag k8s-key) or goes.",
            )
            for key, names in sorted(clashes.items(), reverse=True)
            for name in names
        }

    def _type(self) -> str:
        own = self.standing.target.secret == self.holdings.target.secret
        actual = self.standing.actual
        return SECRET_TYPE if own or actual is None or self.standing.state is None else actual.type


def _of_one_type(reading: Reading) -> Reading:
    """Take those for failed that ask for one Secret of several types."""
    kinds: defaultdict[str, set[SecretType]] = defaultdict(set)
    for each in reading.rendered.values():
        if each.placement.type is not None:
            kinds[each.placement.secret].add(each.placement.type)
    mixed: dict[str, SyncError] = {
        name: Permanent(
            "TypesDiffer",
            f"Secret {name!r} asks for Secret {each.placement.secret!r} as {each.placement.type}, "
            "and another vault secret for the same one of another type: name two by k8s-secret.",
        )
        for name, each in reading.rendered.items()
        if each.placement.type is not None and len(kinds[each.placement.secret]) > 1
    }
    if not mixed:
        return reading
    rendered = {name: each for name, each in reading.rendered.items() if name not in mixed}
    return replace(reading, rendered=rendered, unread={**reading.unread, **mixed})


def _others(holdings: Holdings, secrets: Mapping[str, Content]) -> Mapping[str, tuple[str, ...]]:
    """Return what the vault's own Secret is to remember: a Secret until it stands empty."""
    others = {
        secret: names
        for secret, names in holdings.others.items()
        if secret not in holdings.standings
    }
    for secret, content in secrets.items():
        standing = holdings.standings[secret]
        if secret != holdings.target.secret and (content.records or standing.records):
            others[secret] = tuple(sorted(content.records))
    return others
