"""The outcomes of an event, which come one by one."""

from concurrent.futures import Future
from dataclasses import dataclass

from sync.core.errors import SyncError
from sync.core.model import Target
from sync.core.outcomes import Failed, Outcome

EVENT_SUBJECT = "event"
"""The subject of an event's outcome that leads to no vault."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The future outcome of one target's reconcile, or the outcome of an event without a target."""

    outcome: Future[Outcome]
    target: Target | None = None


def failing(error: SyncError) -> Pending:
    """Return the outcome of an event that could not be handled at all."""
    return settled(Failed(EVENT_SUBJECT, error))


def settled(outcome: Outcome) -> Pending:
    """Return an outcome that is known."""
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return Pending(future)
