"""What the core needs of the outside: vaults to read, Secrets to write, a deadline to keep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from sync.core.errors import SyncError, Transient
from sync.core.model import Actual, Desired, ListedSecret, Target, Unserved, VaultName, VaultSecret
from sync.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a monotonic clock by which a reconcile has to be done; seconds."""

    at: float
    clock: Callable[[], float]

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float]) -> Self:
        """Set a deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    def earlier(self, seconds: float) -> Self:
        """Return a deadline that many seconds before this one."""
        return replace(self, at=self.at - seconds)

    def remaining(self, at_most: float | None = None) -> float:
        """Return the seconds left, capped; raises Transient when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise Transient(
                Reason.DEADLINE_EXCEEDED, "No time was left for this vault in this run."
            )
        return left if at_most is None else min(left, at_most)


class Vaults(Protocol):
    """Key Vaults, read only. Every method raises Permanent or Transient."""

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return every secret of the vault, enabled or not, as its pages name them."""
        ...

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return the current version of a secret, or the one that is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """The vaults that are known by now; `fault` says why there may be more."""

    vaults: tuple[VaultName, ...]
    fault: SyncError | None = None
    current: bool = True
    """Whether a search has succeeded within the last minutes; always where none is asked for."""


class VaultDirectory(Protocol):
    """Where the vaults of the platform are looked up."""

    def known(self, deadline: Deadline) -> Known:
        """Return every vault known; never raises, and never forgets one because a search failed."""
        ...

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Tell whether it is certain that no vault has this name.

        Raises Permanent or Transient where the service that knows cannot be asked.
        """
        ...


class Cluster(Protocol):
    """The Secrets of the clusters. Every method raises Permanent or Transient."""

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, or None where there is none (or no namespace)."""
        ...

    def apply(
        self, target: Target, desired: Desired, resource_version: str, deadline: Deadline
    ) -> None:
        """Server-side apply with a precondition; raises Conflict when it does not hold."""
        ...

    def evict(
        self, target: Target, keys: frozenset[str], resource_version: str, deadline: Deadline
    ) -> None:
        """Remove keys that other field managers hold, with the same precondition."""
        ...
