"""What all who tell of outcomes need to know of them."""

from collections.abc import Iterable

from sync.core.errors import SyncError
from sync.core.model import Change, Converged, Outcome


def errors(outcomes: Iterable[Outcome]) -> list[SyncError]:
    """Return what kept vaults from converging."""
    return [outcome.error for outcome in outcomes if not isinstance(outcome, Converged)]


def key_of(change: Change) -> str:
    """Name a changed key, with its Secret where that is not the vault's own."""
    return f"{change.secret}/{change.key}" if change.secret else change.key
