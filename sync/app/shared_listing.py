"""One listing of a vault for all its targets, which a pass reconciles side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from sync.core.errors import SyncError, Transient
from sync.core.model import ListedSecret, VaultName
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason

_FRESH_SECONDS = 10.0
"""How old a listing may be for the next target; then that one lists the vault anew."""


@dataclass(slots=True)
class SharedListing:
    """Lists the vault for the first that asks; the others get the same, or the same error.

    `clock` is monotonic seconds.
    """

    vaults: Vaults
    vault: VaultName
    clock: Callable[[], float]
    _lock: Lock = field(default_factory=Lock)
    _at: float | None = None
    _listed: Sequence[ListedSecret] | SyncError = ()

    def __call__(self, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return the listing; raises Permanent or Transient."""
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise Transient(Reason.DEADLINE_EXCEEDED, "Another target still lists this vault.")
        try:
            if self._at is None or self.clock() - self._at > _FRESH_SECONDS:
                self._at = self.clock()
                try:
                    self._listed = self.vaults.list(self.vault, deadline)
                except SyncError as error:
                    self._listed = error
                    self._at = None if _of_its_own(error) else self._at
            listed = self._listed
        finally:
            self._lock.release()
        if isinstance(listed, SyncError):
            raise listed
        return listed


def _of_its_own(error: SyncError) -> bool:
    """Return whether the error says something of the one that asked, and nothing of the vault."""
    return error.reason is Reason.DEADLINE_EXCEEDED
