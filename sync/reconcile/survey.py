"""The verdict on each secret of a vault that was examined."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from sync.core.errors import SyncError
from sync.core.model import SecretName
from sync.core.outcomes import Notice
from sync.core.state import Record, Refusal, Unusable
from sync.projection.placement import Excluded, Placement


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The secret is unchanged in every Secret where it belongs, and was not fetched."""

    placement: Placement


@dataclass(frozen=True, slots=True)
class Fetched:
    """The secret was fetched: its placement, its keys, and the record to store."""

    name: SecretName
    placement: Placement
    values: Mapping[str, bytes] = field(repr=False)
    record: Record
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The secret cannot be synced, and keeps the keys it had.

    `updated` is the vault's time of the refused secret, None if the secret was not seen, and
    `version` the refused version, empty if none was fetched. `remembered` is the recorded refusal,
    if the secret was refused before and has not changed since. `due` is when another version may be
    used, in epoch seconds, 0 if no time is known.
    """

    error: SyncError
    placement: Placement | None = None
    updated: int | None = None
    version: str = ""
    remembered: Refusal | None = None
    due: int = 0


type Verdict = Unchanged | Fetched | Excluded | Refused


@dataclass(frozen=True, slots=True)
class VaultSurvey:
    """The verdicts by name; a secret without one is left as it is.

    `listed` is how many secrets the vault lists, None if it was not listed: then no key may be
    removed. `expired` are the names of expired secrets. `unusable` are those whose newest version
    may not be used yet and of which no other is.
    """

    verdicts: Mapping[SecretName, Verdict]
    listed: int | None = None
    expired: tuple[SecretName, ...] = ()
    unusable: Mapping[SecretName, Unusable] = field(default_factory=dict)

    @property
    def placed(self) -> Mapping[SecretName, Placement]:
        """Where each secret that should be synced belongs, written or not."""
        return {
            name: each.placement
            for name, each in self.verdicts.items()
            if not isinstance(each, Excluded) and each.placement is not None
        }

    @property
    def fetched(self) -> Mapping[SecretName, Fetched]:
        """The fetched secrets."""
        return {name: each for name, each in self._each() if isinstance(each, Fetched)}

    @property
    def refused(self) -> Mapping[SecretName, SyncError]:
        """Why some secrets cannot be synced."""
        return {name: each.error for name, each in self._each() if isinstance(each, Refused)}

    def _each(self) -> Iterator[tuple[SecretName, Verdict]]:
        return iter(self.verdicts.items())


@dataclass(frozen=True, slots=True)
class Unvisited:
    """Secrets that vault secrets lead to, and that must be read before the vault."""

    secrets: frozenset[str]


class NeedsListing(Enum):
    """Why an event's secrets cannot be handled without a listing."""

    SERVED_NO_LONGER = "a Secret contains one that the vault no longer serves"
    MOVED = "its tags lead to other Secrets than those that contain it"
    ELSEWHERE = "one that joined later is in a Secret that was not read"
