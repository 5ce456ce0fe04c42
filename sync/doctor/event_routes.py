"""The port by which the doctor asks how a vault's events reach the app."""

from dataclasses import dataclass
from typing import Protocol

from sync.core.model import VaultName
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class EventRoute:
    """How events of a vault reach this app, as far as Resource Manager shows it.

    `subscription` is the vault's own, in lower case, None if it is not visible. `leads_here` is
    None if that could not be checked; `note` says in one sentence what was found, or why not.
    """

    subscription: str | None
    leads_here: bool | None
    note: str


class EventRoutes(Protocol):
    """Finds the event subscriptions of vaults."""

    def find(self, vault: VaultName, deadline: Deadline) -> EventRoute:
        """Return how the vault's events reach this app; raises Permanent or Transient."""
        ...
