"""How a vault's events reach this app: the interface, and what a look at it finds."""

from dataclasses import dataclass
from typing import Protocol

from sync.core.model import VaultName
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class EventRoute:
    """How events of a vault reach this app, as far as Resource Manager shows it."""

    subscription: str | None
    """The vault's subscription id in lower case; None if the app's identity does not see it."""

    leads_here: bool | None
    """Whether an event subscription for new versions leads to this app; None if not checked."""

    note: str
    """One sentence: what was found, by name, or why it could not be checked."""


class EventRoutes(Protocol):
    """Looks up the event subscriptions of vaults."""

    def find(self, vault: VaultName, deadline: Deadline) -> EventRoute:
        """Return how the vault's events reach this app; raises Permanent or Transient."""
        ...
