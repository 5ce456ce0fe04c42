"""Chooses the HTTP status and Retry-After of an answer by what failed."""

from collections.abc import Iterable
from http import HTTPStatus

from sync.core.errors import Malformed, NotOurs, SyncError, Transient, Unexpected

_RETRY_AFTER_SECONDS = 30
_RANK = (
    HTTPStatus.OK,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


def http_status(failures: Iterable[SyncError]) -> HTTPStatus:
    """Return the status of the most serious failure; 200 without one."""
    return max((_status(error) for error in failures), default=HTTPStatus.OK, key=_RANK.index)


def retry_after(failures: Iterable[SyncError]) -> int:
    """Return the seconds after which to repeat the request: the longest that a failure advises."""
    advice = [e.retry_after for e in failures if isinstance(e, Transient) and e.retry_after]
    return max(1, round(max(advice, default=_RETRY_AFTER_SECONDS)))


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
