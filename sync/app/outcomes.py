"""Shared by everything that reports outcomes."""

from collections.abc import Iterable

from sync.core.errors import SyncError
from sync.core.model import Change, Converged, Outcome


def errors(outcomes: Iterable[Outcome]) -> list[SyncError]:
    """Return the errors that kept vaults from converging."""
    return [outcome.error for outcome in outcomes if not isinstance(outcome, Converged)]


def key_of(change: Change) -> str:
    """Return a changed key's name, with its Secret if that is not the vault's own."""
    return f"{change.secret}/{change.key}" if change.secret else change.key
