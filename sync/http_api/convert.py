"""Converts the app's results into answers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, TypedDict

from sync.app.explain import Explained
from sync.app.outcomes import vault_of
from sync.app.status import SecretStatus, VaultStatus
from sync.app.status import State as SecretState
from sync.core import changes, model, outcomes
from sync.core.errors import SyncError, Transient
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.core.state import State
from sync.doctor.checks import Check
from sync.doctor.vault_resources import Unseen, VaultResource
from sync.http_api import answers, outcome_answers

type View = Literal["the app", "the caller"]


def outcomes_of(
    told: Iterable[outcomes.Outcome], restarts: Iterable[Restart] = ()
) -> outcome_answers.Outcomes:
    """Return the answer to a resync."""
    return outcome_answers.Outcomes(tuple(map(outcome_of, told)), tuple(map(_restart, restarts)))


def outcome_of(outcome: outcomes.Outcome) -> outcome_answers.Converged | outcome_answers.Failed:
    """Return one vault's outcome; an ignored vault counts as failed."""
    match outcome:
        case outcomes.Converged(target, changes, keys, expired, dry_run, warnings, left_out):
            return outcome_answers.Converged(
                vault=target.vault.text,
                outcome="planned" if dry_run else "converged",
                target=target_of(target),
                changes=_changes(changes),
                keys=keys,
                expired=expired,
                warnings=_notices(warnings),
                left_out=_left_out(left_out),
            )
        case outcomes.Failed(vault, error, target, changes, refused, warnings, left_out):
            place = target_of(target) if target else None
            each = tuple(
                outcome_answers.RefusedSecret(str(name), *_why(refused[name]))
                for name in sorted(refused)
            )
            told = (_notices(warnings), _left_out(left_out))
            return outcome_answers.Failed(
                vault, "failed", *_why(error), place, _changes(changes), each, *told
            )
        case outcomes.Ignored(subject, error):
            return outcome_answers.Failed(subject, "failed", *_why(error), None, (), (), ())


def _restart(restart: Restart) -> outcome_answers.Restart:
    error = restart.error
    return outcome_answers.Restart(
        cluster=restart.cluster,
        namespace=restart.namespace,
        kind=restart.kind or None,
        name=restart.name or None,
        restarted=error is None,
        keys=restart.keys,
        reason=error.reason if error else None,
        message=error.message if error else None,
    )


def refusal_of(error: SyncError) -> outcome_answers.Refusal:
    """Return the error's reason and message, and whether trying again may help."""
    return outcome_answers.Refusal(*_why(error))


def status_of(
    status: VaultStatus | outcomes.Failed,
    explanation: answers.Explanation | outcome_answers.Refusal | None = None,
) -> answers.Status | answers.StatusUnknown:
    """Return the status of a vault's Secrets, or why they cannot be read."""
    if isinstance(status, outcomes.Failed):
        return answers.StatusUnknown(status.vault, "unknown", *_why(status.error), explanation)
    own = _secret(status.own, status.state)
    others = tuple(
        answers.OtherUnknown(own.vault, replace(own.target, secret=name), "unknown", *_why(other))
        if isinstance(other, SyncError)
        else _secret(other, other.state)
        for name, other in sorted(status.others.items())
    )
    return answers.Status(
        vault=own.vault,
        target=own.target,
        written=own.written,
        secrets=own.secrets,
        out_of_step=own.out_of_step,
        foreign_keys=own.foreign_keys,
        state=own.state,
        reason=own.reason,
        message=own.message,
        others=others,
        explanation=explanation,
        due=_moment(status.due),
        **_remembered(status.own.secret.state),
    )


def explanation_of(
    place: model.Target | outcomes.Failed, told: Iterable[Explained] | SyncError
) -> answers.Explanation | outcome_answers.Refusal:
    """Return where each secret of a target goes, or why that cannot be said."""
    if isinstance(told, SyncError):
        return refusal_of(told)
    return answers.Explanation(tuple(_explained(place, each) for each in told))


def explained_vault_of(
    places: Sequence[model.Target | outcomes.Failed],
    told: Sequence[Iterable[Explained] | SyncError],
) -> answers.ExplainedVault:
    """Return where each secret of one vault goes, for each of its targets.

    Raises the first error if none could be explained.
    """
    errors = [each for each in told if isinstance(each, SyncError)]
    if len(errors) == len(told):
        raise errors[0]
    secrets: list[answers.Explained] = []
    unknown: list[answers.UnexplainedTarget] = []
    for place, each in zip(places, told, strict=True):
        if not isinstance(each, SyncError):
            secrets += [_explained(place, secret) for secret in each]
        elif isinstance(place, model.Target):
            unknown.append(answers.UnexplainedTarget(target_of(place), *_why(each)))
    return answers.ExplainedVault(tuple(secrets), vault_of(places[0]), tuple(unknown))


def checks_of(checks: Iterable[Check], view: View) -> answers.Checks:
    """Return the answer of an examination with the rights of the app or of a caller."""
    done = tuple(checks)
    return answers.Checks(
        tuple(
            answers.DoctorCheck(
                id=each.id,
                about=each.about,
                check=each.name,
                result=each.verdict,
                severity=each.severity,
                sentence=each.sentence,
                remedy=each.remedy or None,
                link=each.link,
                view=view,
            )
            for each in done
        ),
        tuple(_facts(each.vault, each.resource) for each in done if each.resource is not None),
    )


def target_of(target: model.Target) -> outcome_answers.Target:
    """Return where a Secret is, without its vault."""
    return outcome_answers.Target(target.cluster, target.namespace, target.secret)


def _facts(vault: str, told: VaultResource) -> answers.VaultFacts:
    audited = None if isinstance(told.audit, Unseen) else bool(told.audit)
    match told.properties:
        case Unseen():
            return answers.VaultFacts(
                vault, "unknown", None, None, None, "unknown", None, None, audited
            )
        case properties:
            return answers.VaultFacts(
                vault=vault,
                permissions=properties.permissions.value,
                soft_delete=properties.soft_delete_days is not None,
                soft_delete_days=properties.soft_delete_days,
                purge_protection=properties.purge_protection,
                network=properties.network.value,
                network_rules=properties.network_rules,
                trusted_services=properties.trusted_services,
                audit_events=audited,
            )


def _explained(place: model.Target | outcomes.Failed, told: Explained) -> answers.Explained:
    why = told.why
    reason, message = (why.reason, why.message) if isinstance(why, SyncError) else (why, None)
    return answers.Explained(
        name=told.name,
        state=told.progress,
        secrets=told.secrets,
        keys=told.keys,
        type=told.type,
        version=told.version,
        reason=reason,
        message=message,
        warnings=_notices(told.warnings),
        due=_moment(told.due),
        target=target_of(place) if isinstance(place, model.Target) else None,
        readers=tuple(
            answers.Reader(
                kind=each.kind,
                name=each.name,
                secret=each.secret,
                key=each.key,
                restarts=each.opted,
                changed=_moment(each.changed),
                running=_moment(each.running),
                current=each.current,
            )
            for each in told.readers
        ),
    )


class _Remembered(TypedDict):
    refused: tuple[answers.RememberedRefusal, ...]
    unnamed: int
    failure: answers.VaultFailure | None


def _remembered(state: State | None) -> _Remembered:
    """Return what a vault's own Secret remembers of what failed."""
    if state is None:
        return {"refused": (), "unnamed": 0, "failure": None}
    failure = state.failure
    return {
        "refused": tuple(
            answers.RememberedRefusal(
                secret=str(name),
                reason=each.reason,
                message=each.reason.meaning,
                since=model.moment(each.since),
                version=each.version,
            )
            for name, each in sorted(state.refused.items())
        ),
        "unnamed": state.unnamed,
        "failure": None
        if failure is None
        else answers.VaultFailure(
            failure.reason, failure.reason.meaning, model.moment(failure.since)
        ),
    }


def _moment(epoch: float | None) -> str | None:
    return None if epoch is None else model.moment(epoch)


def _why(error: SyncError) -> tuple[Reason, str, bool]:
    return error.reason, error.message, isinstance(error, Transient)


def _notices(notices: Iterable[outcomes.Notice]) -> tuple[outcome_answers.Notice, ...]:
    return tuple(outcome_answers.Notice(n.source or None, n.reason, n.message) for n in notices)


def _left_out(left_out: Iterable[outcomes.LeftOut]) -> tuple[outcome_answers.LeftOut, ...]:
    return tuple(outcome_answers.LeftOut(str(each.secret), each.why) for each in left_out)


def _changes(changes: Iterable[changes.Change]) -> tuple[outcome_answers.Change, ...]:
    return tuple(
        outcome_answers.Change(
            c.key, c.action, c.version or None, c.secret, c.why, _moment(c.updated or None)
        )
        for c in changes
    )


def _secret(told: SecretStatus, state: SecretState) -> answers.Other:
    secret, drifted = told.secret, told.drifted
    known = None if secret.state is None or secret.state.newer else secret.state
    return answers.Other(
        vault=secret.target.vault.text,
        target=target_of(secret.target),
        written=model.moment(known.written) if known else None,
        secrets=tuple(
            answers.Held(
                name=str(name),
                version=record.version or None,
                updated=model.moment(record.updated),
                keys=record.keys,
                in_step=bool(record.version) and drifted.isdisjoint(record.keys),
                confirmed=record.settled,
                warnings=record.warnings,
                due=_moment(record.due or None),
            )
            for name, record in sorted(secret.records.items())
        ),
        out_of_step=tuple(sorted(drifted)),
        foreign_keys=tuple(sorted(secret.data.keys() - secret.ours)),
        state=state,
        reason=None if told.why is None else told.why.reason,
        message=None if told.why is None else told.why.message,
    )
