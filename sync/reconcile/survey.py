"""What became of each secret of a vault that was looked at: one verdict a secret."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from sync.core.annotation import Record, Refusal
from sync.core.errors import SyncError
from sync.core.model import SecretName
from sync.projection.placement import Excluded, Placement


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It is in every place it belongs to as it is listed, and was not fetched."""

    placement: Placement


@dataclass(frozen=True, slots=True)
class Fetched:
    """It was fetched: where it goes, as which keys, and what to remember of it."""

    name: SecretName
    placement: Placement
    values: Mapping[str, bytes] = field(repr=False)
    record: Record


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be brought over, and keeps what it had.

    `updated` is the vault's time of what was refused, None where nothing was seen of it, and
    `version` the refused one, empty where none was fetched. `remembered` is what the annotation
    says of it, where it was refused before and nothing has changed since.
    """

    error: SyncError
    placement: Placement | None = None
    updated: int | None = None
    version: str = ""
    remembered: Refusal | None = None


type Verdict = Unchanged | Fetched | Excluded | Refused


@dataclass(frozen=True, slots=True)
class VaultSurvey:
    """The verdicts by name; a secret without one is left as it is.

    `listed` is how many secrets the vault lists, None where no listing was read: then no key may
    go. `expired` are names of secrets whose time is over.
    """

    verdicts: Mapping[SecretName, Verdict]
    listed: int | None = None
    expired: tuple[SecretName, ...] = ()

    @property
    def placed(self) -> Mapping[SecretName, Placement]:
        """Where each secret belongs that is to be in, written or not."""
        return {
            name: each.placement
            for name, each in self.verdicts.items()
            if not isinstance(each, Excluded) and each.placement is not None
        }

    @property
    def fetched(self) -> Mapping[SecretName, Fetched]:
        """What was fetched."""
        return {name: each for name, each in self._each() if isinstance(each, Fetched)}

    @property
    def refused(self) -> Mapping[SecretName, SyncError]:
        """Why some cannot be brought over."""
        return {name: each.error for name, each in self._each() if isinstance(each, Refused)}

    def _each(self) -> Iterator[tuple[SecretName, Verdict]]:
        return iter(self.verdicts.items())


@dataclass(frozen=True, slots=True)
class Unvisited:
    """Secrets that vault secrets lead to and that have to be read before the vault."""

    secrets: frozenset[str]


class NeedsListing(Enum):
    """Why single secrets cannot be decided on alone."""

    SERVED_NO_LONGER = "a Secret has one that the vault does not serve any more"
    MOVED = "its tags lead to other Secrets than it is in"
    ELSEWHERE = "one that joined is in a Secret that was not read"
