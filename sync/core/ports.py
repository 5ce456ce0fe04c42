"""The core's interfaces to the outside: vaults to read, Secrets to write, a deadline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from sync.core.errors import SyncError, Transient
from sync.core.model import (
    Actual,
    Desired,
    ListedSecret,
    ListedVersion,
    Target,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.reasons import Reason

NO_VALUES: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time on a monotonic clock, in seconds, by which a reconcile must finish."""

    at: float
    clock: Callable[[], float]

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float]) -> Self:
        """Return a deadline `seconds` from now."""
        return cls(clock() + seconds, clock)

    def earlier(self, seconds: float) -> Self:
        """Return a deadline `seconds` before this one."""
        return replace(self, at=self.at - seconds)

    def remaining(self, at_most: float | None = None) -> float:
        """Return the seconds left, at most `at_most`; raises Transient when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise Transient(
                Reason.DEADLINE_EXCEEDED, "No time was left for this vault in this run."
            )
        return left if at_most is None else min(left, at_most)


class Vaults(Protocol):
    """Key Vaults, read only. Every method raises Permanent or Transient."""

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return every secret of the vault, enabled or not, as its listing has them."""
        ...

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return the given version of a secret, or its current one."""
        ...

    def versions(self, vault: VaultName, name: str, deadline: Deadline) -> Sequence[ListedVersion]:
        """Return every version of a secret in any order; none for an unknown secret."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """The vaults known so far; `fault` says why there may be more."""

    vaults: tuple[VaultName, ...]
    fault: SyncError | None = None
    current: bool = True
    """Whether a search succeeded within the last minutes; always true without discovery."""
    strays: tuple[tuple[str, SyncError], ...] = ()
    """The names that were listed and are no vault's, each with why."""


class VaultDirectory(Protocol):
    """Looks up the platform's vaults."""

    def known(self, deadline: Deadline) -> Known:
        """Return every known vault; never raises, and never forgets one because a search failed."""
        ...

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Return whether it is certain that no vault has this name.

        Raises Permanent or Transient if the responsible service cannot be asked.
        """
        ...


type Pages = Callable[[VaultName], str | None]
"""Returns the address of a vault's page for people; None if it is not known, without waiting."""


def no_pages(_vault: VaultName) -> None:
    """Know no page."""


class Cluster(Protocol):
    """The Secrets of the clusters. Every method raises Permanent or Transient."""

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, or None if it or its namespace does not exist."""
        ...

    def apply(
        self,
        target: Target,
        desired: Desired,
        resource_version: str,
        deadline: Deadline,
        *,
        dry_run: bool = False,
    ) -> None:
        """Apply server-side with a precondition; raises Conflict if it does not hold.

        In a dry run the API server only says whether it would accept this.
        """
        ...

    def evict(  # noqa: PLR0913 - a write, its precondition and what it does
        self,
        target: Target,
        keys: frozenset[str],
        resource_version: str,
        deadline: Deadline,
        *,
        values: Mapping[str, bytes] = NO_VALUES,
        dry_run: bool = False,
    ) -> None:
        """Remove keys that other field managers own, with the same precondition.

        The same write sets `values`, so that what takes the place of a key is there when it goes.
        """
        ...
