"""Which failures of an event only the event itself can make good, since no pass tries again."""

from dataclasses import replace

from sync.app.registry import VaultRegistry
from sync.core.errors import Malformed, NotOurs, Permanent, SyncError, Unattended
from sync.core.model import Failed, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Group, Reason
from sync.core.vault_names import Naming


def nothing_known() -> Unattended:
    """Return the error of an app to which no event may come and no vault is known."""
    return Unattended(
        Reason.NOTHING_KNOWN,
        "Neither SYNC_SUBSCRIPTIONS nor SYNC_VAULTS is set, so the app can do nothing: set the ids "
        "of the subscriptions that events may come from, or the vaults that the timer shall cover.",
    )


def kept(outcome: Outcome, naming: Naming, registry: VaultRegistry, deadline: Deadline) -> Outcome:
    """Return an event's outcome, Unattended where somebody may act and no pass covers the vault.

    Whether one does may take a search; where that fails, none is taken to.
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
    """Tell whether the same event may come to something once somebody has acted.

    Not where its own secret is refused: another version of that has an event of its own. Nor where
    its vault leads to a namespace that is never written.
    """
    if isinstance(error, Malformed | Unattended) or not isinstance(error, Permanent):
        return False
    refused = error.reason is Reason.NAMESPACE_PROTECTED
    return not refused and error.reason.group is not Group.VAULT_SECRET
