"""A vault's Secrets as they stand, its own and those that tags asked for, and what to make them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sync.core.annotation import Record
from sync.core.errors import SyncError
from sync.core.model import ListedSecret, Target
from sync.projection.rules import Placement
from sync.reconcile.plan import ObservedSecret, refuse_losses


@dataclass(frozen=True)
class ObservedVault:
    """All Secrets of one vault that were read, by name; the vault's own is always among them.

    `closed` are those that could not be read, or that somebody else has, and why.
    """

    target: Target
    standings: Mapping[str, ObservedSecret]
    closed: Mapping[str, SyncError] = field(default_factory=dict)

    @property
    def own(self) -> ObservedSecret:
        """The vault's own Secret."""
        return self.standings[self.target.secret]

    @property
    def visited(self) -> frozenset[str]:
        """The Secrets that were looked at, whatever came of it."""
        return frozenset({*self.standings, *self.closed})

    @property
    def others(self) -> Mapping[str, tuple[str, ...]]:
        """The further Secrets that the vault's own remembers, and the vault secrets in each."""
        return self.own.state.others if self.own.state else {}

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """What we remember of each vault secret; of one on its way between two, the latest."""
        found: dict[str, Record] = {}
        for standing in self.standings.values():
            for name, record in standing.records.items():
                if name not in found or found[name].updated < record.updated:
                    found[name] = record
        return found

    @cached_property
    def _spelling(self) -> Mapping[str, str]:
        remembered = [name for names in self.others.values() for name in names]
        return {name.lower(): name for name in (*remembered, *self.records)}

    def spelled(self, name: str) -> str:
        """Return a name as we remember it, whatever its case."""
        return self._spelling.get(name.lower(), name)

    @cached_property
    def _homes(self) -> Mapping[str, str]:
        remembered = {name: secret for secret, names in self.others.items() for name in names}
        return {**remembered, **dict.fromkeys(self.own.records, self.target.secret)}

    def home(self, name: str) -> str:
        """Return the Secret that a vault secret is in, or the vault's own for a new one."""
        return self._homes.get(name, self.target.secret)

    def moved(self, place: Placement, listed: ListedSecret) -> bool:
        """Tell whether a listed secret has to be read: it is not in as it is listed."""
        if not self.holds(place, listed.name):
            return True
        settled = self.standings[place.secret].records[listed.name].settled
        return not settled or self.records[listed.name].updated != listed.updated

    def holds(self, place: Placement, name: str) -> bool:
        """Tell whether a vault secret is where it belongs, in the keys that it should have."""
        standing = self.standings.get(place.secret)
        record = standing.records.get(name) if standing else None
        return (
            standing is not None
            and record is not None
            and record.fingerprint == place.fingerprint
            and _is_intact(standing, name)
        )

    def refuse_unsafe(
        self, placed: Mapping[str, Placement], wrong: Collection[str], *, listed: int
    ) -> None:
        """Raise Permanent when a listing would take away more than an accident is allowed to.

        `placed` and `wrong` are the secrets of a listing of `listed` that are to be in, or would
        be but for what is wrong with them.
        """
        kept = {name.lower() for name in (*placed, *wrong)}
        ours, gone = 0, 0
        for secret, standing in self.standings.items():
            sources = {key: name for name, r in standing.records.items() for key in r.keys(name)}
            here = {place.key for place in placed.values() if place.secret == secret}
            keys = {key.lower() for key in here if key is not None}
            ours += len(standing.ours)
            gone += sum(
                sources[key].lower() not in kept
                if key in sources
                else None not in here and key.lower() not in keys
                for key in standing.ours
            )
        refuse_losses(self.target, ours=ours, gone=gone, listed=listed)

    def with_more(
        self, standings: Mapping[str, ObservedSecret], closed: Mapping[str, SyncError]
    ) -> "ObservedVault":
        """Return these and further Secrets."""
        return replace(
            self, standings={**self.standings, **standings}, closed={**self.closed, **closed}
        )


def _is_intact(standing: ObservedSecret, name: str) -> bool:
    record = standing.records.get(name)
    return record is not None and standing.intact >= set(record.keys(name))
