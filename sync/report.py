"""Outcomes and Secrets as JSON for operators: names, versions and times, never values."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from sync.errors import Malformed, NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.model import Actual, Change, Converged, Failed, Ignored, Outcome, Target, moment
from sync.plan import Standing, refuse_foreign

type Json = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None

RETRY_AFTER_SECONDS = 30


def outcomes_json(outcomes: Iterable[Outcome]) -> Mapping[str, Json]:
    """Return what `POST /api/resync` and the command line print."""
    return {"outcomes": [outcome_json(outcome) for outcome in outcomes]}


def outcome_json(outcome: Outcome) -> Mapping[str, Json]:
    """Return one vault's outcome."""
    match outcome:
        case Converged(target, changes, keys, expired, dry_run):
            return {
                "vault": target.vault.text,
                "outcome": "planned" if dry_run else "converged",
                "target": _target_json(target),
                "changes": _changes_json(changes),
                "keys": keys,
                "expired": list(expired),
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


def secret_json(target: Target, actual: Actual | None) -> Mapping[str, Json]:
    """Return what the Secret tells of itself: what is in, since when, and what is out of step."""
    standing = Standing.of(target, actual)
    drifted = standing.drifted()
    return {
        "vault": target.vault.text,
        "target": _target_json(target),
        "state": _state(standing),
        "written": standing.state.written if standing.state else None,
        "secrets": [
            {
                "name": name,
                "version": record.version,
                "updated": moment(record.updated),
                "in_step": name not in drifted,
                "confirmed": record.settled,
            }
            for name, record in sorted(standing.records.items())
        ],
        "out_of_step": sorted(drifted),
        "foreign_keys": sorted(standing.data.keys() - standing.ours),
    }


def _changes_json(changes: Iterable[Change]) -> Json:
    return [{"key": c.key, "action": c.act.value, "version": c.version or None} for c in changes]


def _state(standing: Standing) -> str:
    if standing.actual is None:
        return "absent"
    try:
        refuse_foreign(standing.target, standing.actual)
    except Permanent:
        return "taken"
    if standing.state is None:
        return "unknown"
    return "drifted" if standing.drifted() else "converged"


def _target_json(target: Target) -> Mapping[str, Json]:
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "secret": target.secret,
    }


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
