"""Finds what refused a write: a missing right, a quota, a policy or a webhook.

Only names are quoted: the author of a policy or webhook chooses its message, which may hold the
Secret.
"""

import re

from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Target
from sync.core.reasons import Reason

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"
_OBJECT = rf'[a-z]{{1,60}}(?:\.[a-z0-9.-]{{1,200}})? "{_NAME}" is forbidden: '
_SECRET = rf'secrets "{_NAME}" is forbidden: '
_RIGHTS = re.compile(
    rf'{_OBJECT}User "[^"\\]{{1,300}}" cannot \w{{1,20}} resource "[a-z]{{1,60}}" '
    rf'in API group "[a-z0-9.-]{{0,200}}" in the namespace "{_NAME}"'
)
_QUOTA = re.compile(rf"{_SECRET}(exceeded quota|status unknown for quota): ({_NAME}),")
_DENIED = re.compile(
    rf"(?:{_OBJECT})?ValidatingAdmissionPolicy '(?P<policy>{_NAME})' .{{0,400}}denied request"
    rf'|admission webhook "(?P<webhook>{_NAME})" denied the request'
)
_SILENT = re.compile(rf'Internal error occurred: failed calling webhook "({_NAME})"')


def missing_right(message: str) -> str:
    """Return the authorizer's sentence that says who may not do what; empty if it is not one."""
    found = _RIGHTS.match(message)
    return found[0] if found and found[0].isprintable() else ""


def silent_webhook(message: str) -> str:
    """Return the name of the webhook that did not answer; empty for any other failure."""
    found = _SILENT.match(message)
    return found[1] if found else ""


def denied_by(message: str) -> str:
    """Return the policy or the webhook that refused a write; empty if something else did."""
    denied = _DENIED.match(message)
    if denied is None:
        return ""
    if denied["policy"]:
        return f"ValidatingAdmissionPolicy {denied['policy']}"
    return f"admission webhook {denied['webhook']}"


def refusal(target: Target, message: str) -> SyncError | None:
    """Return the error for a write that admission refused; None if something else refused it."""
    where = f"namespace {target.namespace} of cluster {target.cluster}"
    if what := denied_by(message):
        return Permanent(
            Reason.ADMISSION_DENIED,
            f"The {what} does not let {target} be written. What it says is not shown, since it "
            "may hold a value: ask whoever keeps it.",
        )
    quota = _QUOTA.match(message)
    if quota is None:
        return None
    if quota[1] == "exceeded quota":
        return Permanent(
            Reason.QUOTA_EXCEEDED,
            f"ResourceQuota {quota[2]} in {where} has no room for {target}: raise it.",
        )
    return Transient(
        Reason.CLUSTER_UNAVAILABLE, f"ResourceQuota {quota[2]} in {where} is not counted yet."
    )
