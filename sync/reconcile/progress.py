"""What one reconcile has done so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sync.core.changes import Change, SyncedSecret
from sync.core.model import Target
from sync.core.outcomes import Notice
from sync.reconcile.request import ReconcileRequest


@dataclass(slots=True)
class Progress:
    """The request of one reconcile, and its progress so far, by Secret and key."""

    request: ReconcileRequest
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    warnings: list[Notice] = field(default_factory=list)
    secrets: list[SyncedSecret] = field(default_factory=list)
    """The Secrets as this turn left them."""
    again: bool = False
    """Whether this turn evicted keys that its apply cannot remove."""

    def note(self, target: Target, changes: Iterable[Change]) -> None:
        """Record changes of one Secret; what a turn finds written before was another's change."""
        of = "" if target.secret == self.request.target.secret else target.secret
        for change in changes:
            if not (change.same and (of, change.key) in self.changes):
                self.changes[of, change.key] = replace(change, secret=of)
