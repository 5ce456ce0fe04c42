"""Outcomes and Secrets as JSON for operators: names, versions and times, never values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from sync.core.errors import Malformed, NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.core.model import Change, Converged, Failed, Ignored, Outcome, Target, moment
from sync.reconcile.guards import refuse_foreign, refuse_unmarked
from sync.reconcile.observed import ObservedSecret

type Json = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None

RETRY_AFTER_SECONDS = 30


def outcomes_json(outcomes: Iterable[Outcome]) -> Mapping[str, Json]:
    """Return what `POST /api/resync` and the command line print."""
    return {"outcomes": [outcome_json(outcome) for outcome in outcomes]}


def outcome_json(outcome: Outcome) -> Mapping[str, Json]:
    """Return one vault's outcome."""
    match outcome:
        case Converged(target, changes, keys, expired, dry_run, warnings):
            return {
                "vault": target.vault.text,
                "outcome": "planned" if dry_run else "converged",
                "target": _target_json(target),
                "changes": _changes_json(changes),
                "keys": keys,
                "expired": list(expired),
                "warnings": list(warnings),
            }
        case Failed(vault, error, target, changes):
            return {
                "vault": vault,
                "outcome": "failed",
                **error_json(error),
                "target": _target_json(target) if target else None,
                "changes": _changes_json(changes),
            }
        case Ignored(subject, error):
            return {"vault": subject, "outcome": "ignored", **error_json(error)}


def error_json(error: SyncError) -> Mapping[str, Json]:
    """Return why, what to do about it, and whether trying again may help."""
    return {
        "reason": error.reason,
        "message": error.message,
        "transient": isinstance(error, Transient),
    }


def http_status(failures: Iterable[SyncError]) -> HTTPStatus:
    """Return the status for what failed; the one that asks most of the caller counts."""
    return max((_status(error) for error in failures), default=HTTPStatus.OK, key=_RANK.index)


def retry_after(failures: Iterable[SyncError]) -> int:
    """Return the seconds to wait before the same request makes sense again."""
    advice = [e.retry_after for e in failures if isinstance(e, Transient) and e.retry_after]
    return max(1, round(max(advice, default=RETRY_AFTER_SECONDS)))


def errors(outcomes: Iterable[Outcome]) -> list[SyncError]:
    """Return what kept vaults from converging."""
    return [outcome.error for outcome in outcomes if not isinstance(outcome, Converged)]


def key_of(change: Change) -> str:
    """Name a changed key, with its Secret where that is not the vault's own."""
    return f"{change.secret}/{change.key}" if change.secret else change.key


def status_json(
    own: ObservedSecret, others: Mapping[str, ObservedSecret | SyncError]
) -> Mapping[str, Json]:
    """Return what the Secrets of a vault tell of themselves; its state is the worst of theirs.

    `others` are by name; of one that could not be read it is why.
    """
    states = [_state(own, mark=False), *map(_state_of_other, others.values())]
    return {
        **_secret_json(own),
        "state": max(states, key=STATES.index),
        "others": [_other_json(own.target, *other) for other in sorted(others.items())],
    }


def _other_json(own: Target, secret: str, other: ObservedSecret | SyncError) -> Mapping[str, Json]:
    state = _state_of_other(other)
    if isinstance(other, ObservedSecret):
        return {**_secret_json(other), "state": state}
    target = replace(own, secret=secret)
    return {
        "vault": own.vault.text,
        "target": _target_json(target),
        "state": state,
        **error_json(other),
    }


def _secret_json(standing: ObservedSecret) -> Mapping[str, Json]:
    """Return what is in, since when, and what is out of step."""
    drifted = standing.drifted
    return {
        "vault": standing.target.vault.text,
        "target": _target_json(standing.target),
        "written": moment(standing.state.written)
        if standing.state and not standing.state.newer
        else None,
        "secrets": [
            {
                "name": name,
                "version": record.version or None,
                "updated": moment(record.updated),
                "keys": list(record.keys),
                "in_step": bool(record.version) and drifted.isdisjoint(record.keys),
                "confirmed": record.settled,
            }
            for name, record in sorted(standing.records.items())
        ],
        "out_of_step": sorted(drifted),
        "foreign_keys": sorted(standing.data.keys() - standing.ours),
    }


def _changes_json(changes: Iterable[Change]) -> Json:
    return [
        {
            **({"secret": c.secret} if c.secret else {}),
            "key": c.key,
            "action": c.action.value,
            "version": c.version or None,
        }
        for c in changes
    ]


def _state_of_other(other: ObservedSecret | SyncError) -> str:
    return "unknown" if isinstance(other, SyncError) else _state(other, mark=True)


def _state(standing: ObservedSecret, *, mark: bool) -> str:
    """Return a Secret's state; `mark` says that it must bear ours to be written."""
    if standing.actual is None:
        return "absent"
    try:
        if mark:
            refuse_unmarked(standing)
        else:
            refuse_foreign(standing.target, standing.actual)
    except Permanent:
        return "taken"
    if standing.state is None:
        return "unknown"
    all_in = not standing.state.refused and not standing.state.unnamed
    return "converged" if all_in and not standing.drifted else "drifted"


def _target_json(target: Target) -> Mapping[str, Json]:
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "secret": target.secret,
    }


STATES = ("converged", "drifted", "absent", "unknown", "taken")
"""From the best to the worst."""

_RANK = (
    HTTPStatus.OK,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


def _status(error: SyncError) -> HTTPStatus:
    match error:
        case Unexpected():
            return HTTPStatus.INTERNAL_SERVER_ERROR
        case Transient():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case Malformed():
            return HTTPStatus.BAD_REQUEST
        case NotOurs():
            return HTTPStatus.NOT_FOUND
        case _:
            return HTTPStatus.UNPROCESSABLE_ENTITY
