"""Converts the app's results into answers."""

from collections.abc import Iterable
from dataclasses import replace

from sync.app import explain
from sync.app.status import SecretStatus, State, VaultStatus
from sync.core import model
from sync.core.errors import SyncError, Transient
from sync.core.reasons import Reason
from sync.http_api import answers


def outcomes_of(outcomes: Iterable[model.Outcome]) -> answers.Outcomes:
    """Return the answer to a resync."""
    return answers.Outcomes(tuple(map(outcome_of, outcomes)))


def outcome_of(outcome: model.Outcome) -> answers.Converged | answers.Failed:
    """Return one vault's outcome; an ignored vault counts as failed."""
    match outcome:
        case model.Converged(target, changes, keys, expired, dry_run, warnings):
            return answers.Converged(
                vault=target.vault.text,
                outcome="planned" if dry_run else "converged",
                target=target_of(target),
                changes=_changes(changes),
                keys=keys,
                expired=expired,
                warnings=warnings,
            )
        case model.Failed(vault, error, target, changes):
            place = target_of(target) if target else None
            return answers.Failed(vault, "failed", *_why(error), place, _changes(changes))
        case model.Ignored(subject, error):
            return answers.Failed(subject, "failed", *_why(error), None, ())


def refusal_of(error: SyncError) -> answers.Refusal:
    """Return the error's reason and message, and whether trying again may help."""
    return answers.Refusal(*_why(error))


def status_of(
    status: VaultStatus | model.Failed,
    explanation: answers.Explanation | answers.Refusal | None = None,
) -> answers.Status | answers.StatusUnknown:
    """Return the status of a vault's Secrets, or why they cannot be read."""
    if isinstance(status, model.Failed):
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
        others=others,
        explanation=explanation,
    )


def explanation_of(
    told: Iterable[explain.Explained] | SyncError,
) -> answers.Explanation | answers.Refusal:
    """Return where each secret goes, or why that cannot be said."""
    if isinstance(told, SyncError):
        return refusal_of(told)
    return answers.Explanation(tuple(map(_explained, told)))


def target_of(target: model.Target) -> answers.Target:
    """Return where a Secret is, without its vault."""
    return answers.Target(target.cluster, target.namespace, target.secret)


def _explained(told: explain.Explained) -> answers.Explained:
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
    )


def _why(error: SyncError) -> tuple[Reason, str, bool]:
    return error.reason, error.message, isinstance(error, Transient)


def _changes(changes: Iterable[model.Change]) -> tuple[answers.Change, ...]:
    return tuple(
        answers.Change(c.key, c.action, c.version or None, c.secret, c.why) for c in changes
    )


def _secret(status: SecretStatus, state: State) -> answers.Other:
    secret, drifted = status.secret, status.drifted
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
            )
            for name, record in sorted(secret.records.items())
        ),
        out_of_step=tuple(sorted(drifted)),
        foreign_keys=tuple(sorted(secret.data.keys() - secret.ours)),
        state=state,
    )
