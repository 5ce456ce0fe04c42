"""Decides what to record of refused vault secrets."""

from collections.abc import Mapping

from sync.core.errors import Permanent, SyncError
from sync.core.model import OBJECT_NAME, SecretName
from sync.core.reasons import Reason
from sync.core.state import Refusal
from sync.reconcile.observed import ObservedVault
from sync.reconcile.survey import Fetched, Refused, VaultSurvey

_OF_NO_SECRET = frozenset(
    {
        Reason.NO_SUCH_SECRET,
        Reason.VAULT_FORBIDDEN,
        Reason.VAULT_FIREWALLED,
        Reason.VAULT_UNAUTHORIZED,
        Reason.VAULT_REFUSED,
        Reason.VAULT_UNTRUSTED,
        Reason.CREDENTIAL_REFUSED,
    }
)
"""Reasons that concern the whole vault, or an operator's typing error; they are not recorded."""


def remembered(
    vault: ObservedVault, survey: VaultSurvey, refused: Mapping[SecretName, SyncError], now: int
) -> Mapping[SecretName, Refusal]:
    """Return the refusals to record: only those that do not pass by themselves."""
    before = vault.own.state.refused if vault.own.state else {}
    found = (
        {}
        if survey.listed is not None
        else {name: each for name, each in before.items() if name not in survey.verdicts}
    )
    for name, error in refused.items():
        if not isinstance(error, Permanent) or error.reason in _OF_NO_SECRET:
            continue
        if not OBJECT_NAME.fullmatch(name):
            continue
        found[name] = _refusal(vault, survey, name, error, now)
    return found


def _refusal(
    vault: ObservedVault, survey: VaultSurvey, name: SecretName, error: Permanent, now: int
) -> Refusal:
    verdict, record = survey.verdicts.get(name), vault.records.get(name)
    before = vault.own.state.refused.get(name) if vault.own.state else None
    updated, version, tagged, due = (record.updated if record else 0), "", False, 0
    if isinstance(verdict, Refused):
        if verdict.remembered is not None:
            return verdict.remembered
        updated, version, due = verdict.updated or updated, verdict.version, verdict.due
        tagged = verdict.placement is not None and verdict.placement.tagged
    elif isinstance(verdict, Fetched):
        updated, tagged = verdict.record.updated, verdict.placement.tagged
        due = verdict.record.due
        version = verdict.record.version if verdict.record.settled else ""
    if error.reason is Reason.TAGS_LOST:
        tagged = True
    tried_again = error.reason is Reason.CERTIFICATE_POSTPONED
    same = before is not None and before.reason is error.reason and not tried_again
    since = before.since if before is not None and same else now
    return Refusal(error.reason, since, updated, version, tagged, due)
