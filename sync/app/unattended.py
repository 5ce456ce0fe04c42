"""Decides which failures only a redelivered event can repair, since no pass tries again."""

from dataclasses import replace

from sync.app.registry import VaultRegistry
from sync.core.errors import Malformed, NotOurs, Permanent, SyncError, Unattended
from sync.core.groups import Group
from sync.core.outcomes import Failed, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.vault_names import Naming


def nothing_known() -> Unattended:
    """Return the error of an app that accepts no event and knows no vault."""
    return Unattended(
        Reason.NOTHING_KNOWN,
        "Neither SYNC_SUBSCRIPTIONS nor SYNC_VAULTS is set, so the app can do nothing: set the ids "
        "of the subscriptions that events may come from, or the vaults for the timer to cover.",
    )


def for_event_grid(
    outcome: Outcome, naming: Naming, registry: VaultRegistry, deadline: Deadline
) -> Outcome:
    """Return an event's outcome: Unattended if somebody can act and no pass covers the vault.

    This may require a search; if the search fails, the vault counts as not covered.
    """
    if not isinstance(outcome, Failed) or not _may_be_mended(outcome.error):
        return outcome
    try:
        vault = naming.vault(outcome.vault)
    except NotOurs:
        return outcome
    if registry.covers(vault, deadline):
        return outcome
    message = (
        f"{outcome.error.message} No pass covers this vault, so Event Grid keeps the event and "
        "delivers it again: name the vault in SYNC_VAULTS, or let SYNC_DISCOVERY find it."
    )
    return replace(outcome, error=Unattended(outcome.error.reason, message))


def _may_be_mended(error: SyncError) -> bool:
    """Return whether the same event may succeed once somebody has acted.

    Not if its own secret is refused: the corrected version has its own event. Nor if its vault
    leads to a namespace that is never written.
    """
    if isinstance(error, Malformed | Unattended) or not isinstance(error, Permanent):
        return False
    refused = error.reason is Reason.NAMESPACE_PROTECTED
    return not refused and error.reason.group is not Group.VAULT_SECRET
