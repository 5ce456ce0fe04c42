"""Shared by everything that reports outcomes."""

from collections.abc import Iterable, Iterator

from sync.core.changes import Change
from sync.core.errors import SyncError
from sync.core.model import Target
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.ports import Known

DISCOVERY = "discovery"
"""The subject of an outcome about the search for vaults."""


def errors(outcomes: Iterable[Outcome]) -> list[SyncError]:
    """Return the errors that kept vaults from converging."""
    return [outcome.error for outcome in outcomes if not isinstance(outcome, Converged)]


def key_of(change: Change) -> str:
    """Return a changed key's name, with its Secret if that is not the vault's own."""
    return f"{change.secret}/{change.key}" if change.secret else change.key


def unknown(known: Known) -> Iterator[Failed]:
    """Yield why there may be more vaults: a failed search, and names that are no vault's."""
    if known.fault is not None:
        yield Failed(DISCOVERY, known.fault)
    for name, error in known.strays:
        yield Failed(name, error)


def vault_of(place: Target | Failed) -> str:
    """Return the name of the vault of a place."""
    return place.vault if isinstance(place, Failed) else place.vault.text
