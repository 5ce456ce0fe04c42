"""What a write does to the keys of a Secret, and when each of their values last changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sync.core.model import Desired


class Action(StrEnum):
    """What a plan does to a key."""

    CREATE = "create"
    UPDATE = "update"
    REPAIR = "repair"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One key's change; `version` is the vault's, for a removed key the last one written."""

    key: str
    action: Action
    version: str = ""
    same: bool = field(default=False, compare=False)
    """Whether the Secret had the same value before."""
    secret: str = ""
    """The Secret, if it is not the vault's own."""
    source: str = field(default="", compare=False)
    """The vault secret that the key comes from, empty if unknown."""
    why: str = field(default="", compare=False)
    """Why a key is removed, in a few words for people."""
    updated: int = field(default=0, compare=False)
    """The vault's `updated` time of a new or a removed version, in epoch seconds; else 0."""


@dataclass(frozen=True, slots=True)
class Count:
    """When a data key's value last changed: an epoch second, or one more than before if later.

    `first` says that the value has not changed since the key was first written.
    """

    at: int
    first: bool = False


@dataclass(frozen=True, slots=True)
class SyncedSecret:
    """A Secret as a reconcile left it, read or written: all its data keys, and the counts of ours.

    A key without a count was written before counting began, or by somebody else.
    """

    name: str
    keys: frozenset[str]
    counts: Mapping[str, Count]
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between desired and actual; falsy if there is nothing to write.

    `evict` are keys to remove that another field manager owns, which no apply can remove.
    `replacing` are the values that the same write sets, so that none is missing until the apply.
    `counts` are those of the Secret once nothing is left to write.
    """

    changes: tuple[Change, ...] = ()
    apply: Desired | None = None
    evict: frozenset[str] = frozenset()
    replacing: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    counts: Mapping[str, Count] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.apply is not None
