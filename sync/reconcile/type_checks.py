"""Refuses vault secrets whose `k8s-type` differs from the Secret's type."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sync.core.errors import Permanent, SyncError
from sync.core.model import SecretName
from sync.core.reasons import Reason
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.survey import Fetched, Refused, VaultSurvey


def refuse_other_types(
    vault: ObservedVault, survey: VaultSurvey
) -> tuple[VaultSurvey, Mapping[SecretName, SyncError]]:
    """Refuse secrets whose `k8s-type` differs from the Secret's current or desired type.

    If only some of a secret's places have another type, they are dropped from its placement.
    """
    asking: defaultdict[str, dict[SecretName, Fetched]] = defaultdict(dict)
    for name, each in survey.fetched.items():
        for secret in each.placement.secrets:
            if each.placement.type is not None:
                asking[secret][name] = each
    errors: dict[tuple[SecretName, str], SyncError] = {
        (name, secret): error
        for secret, asked in asking.items()
        if secret in vault.secrets
        for name, error in _mistyped(vault.secrets[secret], asked)
    }
    verdicts = dict(survey.verdicts)
    for name, each in survey.fetched.items():
        wrong = [secret for secret in each.placement.secrets if (name, secret) in errors]
        if len(wrong) == len(each.placement.secrets):
            error = errors[name, wrong[0]]
            verdicts[name] = Refused(error, each.placement, each.record.updated)
        elif wrong:
            fit = tuple(s for s in each.placement.secrets if s not in wrong)
            verdicts[name] = replace(each, placement=replace(each.placement, secrets=fit))
    partly = {name: error for (name, _), error in errors.items()}
    return replace(survey, verdicts=verdicts), partly


def _mistyped(
    observed: ObservedSecret, asked: Mapping[SecretName, Fetched]
) -> Iterator[tuple[SecretName, Permanent]]:
    actual = observed.actual.type if observed.actual and observed.state else None
    kinds = {each.placement.type for each in asked.values()}
    for name, each in asked.items():
        kind = each.placement.type
        if actual is not None and actual != kind:
            error = Permanent(
                Reason.SECRET_TYPE_MISMATCH,
                f"Secret {name!r} asks for Secret {observed.target} as {kind}, which is of "
                f"type {actual!r}, and a type cannot be changed: name another by k8s-secret, or "
                "delete the Secret, and the app creates it again.",
            )
            yield name, error
        elif actual is None and len(kinds) > 1:
            error = Permanent(
                Reason.TYPES_DIFFER,
                f"Secret {name!r} asks for Secret {observed.target.secret!r} as {kind}, and "
                "another vault secret for the same one of another type: name two by k8s-secret.",
            )
            yield name, error
