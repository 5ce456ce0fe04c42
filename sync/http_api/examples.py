"""Examples of requests and answers for the OpenAPI document."""

import re
from collections.abc import Callable, Mapping

from sync.app.explain import Progress
from sync.app.requests import parse_resync
from sync.app.status import State
from sync.core.changes import Action
from sync.core.errors import SyncError
from sync.core.reasons import Reason
from sync.core.vault_names import DEFAULT_PATTERN, Naming
from sync.doctor.checks import Severity, Verdict
from sync.http_api import answers, outcome_answers
from sync.http_api.convert import refusal_of
from sync.http_api.requests import ResyncAll, ResyncStage, ResyncVault

VAULT = "weu-ds-akv-shop-dev-1"
SECRET = "db-password"  # noqa: S105 - a name
_VERSION = "9c2f1c6b0f5b4d3c8f0e7a6d5c4b3a29"
_TARGET = outcome_answers.Target("default", "shop-dev", "keyvault-project")
_UPDATED = outcome_answers.Change(SECRET, Action.UPDATE, _VERSION)
_HELD = answers.Held(
    SECRET, _VERSION, "2026-01-31T12:00:00+00:00", (SECRET,), in_step=True, confirmed=True
)
_IN_STEP = answers.Explained(
    SECRET,
    Progress.IN_STEP,
    (_TARGET.secret,),
    (SECRET,),
    None,
    _VERSION,
    None,
    None,
    target=_TARGET,
)
_OUT = answers.Explained(
    "old-token", Progress.OUT, (), (), None, None, "it is disabled", None, target=_TARGET
)

REQUESTS: Mapping[str, ResyncVault | ResyncStage | ResyncAll] = {
    "one vault": ResyncVault(VAULT),
    "one secret of it": ResyncVault(VAULT, secret=SECRET),
    "the vaults of a project's stage": ResyncStage("shop", "dev"),
    "what would be written": ResyncAll(all=True, dry_run=True),
}
CONVERGED = outcome_answers.Outcomes(
    (outcome_answers.Converged(VAULT, "converged", _TARGET, (_UPDATED,), 3, (), ()),)
)


def _failed(reason: Reason, message: str, *, transient: bool) -> outcome_answers.Outcomes:
    return outcome_answers.Outcomes(
        (outcome_answers.Failed(VAULT, "failed", reason, message, transient, _TARGET, (), (), ()),)
    )


def _refusal(act: Callable[[], object]) -> outcome_answers.Refusal | None:
    """Return what the app answers to a wrong request."""
    try:
        act()
    except SyncError as error:
        return refusal_of(error)
    return None


FAILED = _failed(
    Reason.NAMESPACE_MISSING,
    "Namespace shop-dev does not exist in cluster default. "
    "Create it: kubectl create namespace shop-dev",
    transient=False,
)
PASSING = _failed(
    Reason.VAULT_UNAVAILABLE,
    f"https://{VAULT}.vault.azure.net answered with HTTP status 503. This may pass.",
    transient=True,
)
MALFORMED = _refusal(lambda: parse_resync(b'{"all": true, "dry_run": "yes"}'))
NOT_OURS = _refusal(lambda: Naming(re.compile(DEFAULT_PATTERN)).vault("shop"))
STATUS = answers.Statuses(
    (
        answers.Status(
            vault=VAULT,
            target=_TARGET,
            written="2026-01-31T12:00:01+00:00",
            secrets=(_HELD,),
            out_of_step=(),
            foreign_keys=(),
            state=State.CONVERGED,
            reason=None,
            message=None,
            others=(),
            refused=(),
            unnamed=0,
            explanation=answers.Explanation((_IN_STEP, _OUT)),
        ),
    )
)
_LEFT_OUT = outcome_answers.LeftOut("old-token", "it is disabled")
PLANNED = outcome_answers.Outcomes(
    (outcome_answers.Converged(VAULT, "planned", _TARGET, (_UPDATED,), 3, (), (), (_LEFT_OUT,)),)
)
EXPLAINED = answers.ExplainedVault((_IN_STEP, _OUT), VAULT)
CHECKS = answers.Checks(
    (
        answers.DoctorCheck(
            id="vault-list",
            about=f"vault {VAULT}",
            check="list",
            result=Verdict.OK,
            severity=Severity.ERROR,
            sentence="It lists 3 secret(s), 3 enabled.",
            remedy=None,
            link="docs/outcomes.md#vault-list",
            view="the app",
        ),
    ),
    (
        answers.VaultFacts(
            vault=VAULT,
            permissions="rbac",
            soft_delete=True,
            soft_delete_days=90,
            purge_protection=True,
            network="firewall",
            network_rules=2,
            trusted_services=True,
            audit_events=True,
        ),
    ),
)
