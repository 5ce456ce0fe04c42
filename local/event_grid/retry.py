"""Decides when a delivery is retried, and when it is given up.

The rules are those of "Event Grid message delivery and retry", by the kind of endpoint:
https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from enum import StrEnum
from itertools import chain, repeat

MAX_ATTEMPTS = 30
TIME_TO_LIVE = 24 * 3600.0
ANSWER_SECONDS = 30.0


class Endpoint(StrEnum):
    """The kind of endpoint of a subscription, as Azure spells it."""

    WEBHOOK = "WebHook"
    FUNCTION = "AzureFunction"


_STEPS = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 3 * 3600.0, 6 * 3600.0)
_LAST_STEP = 12 * 3600.0
_FLOORS = {
    Endpoint.WEBHOOK: {408: 120.0, 503: 30.0},
    Endpoint.FUNCTION: {401: 300.0, 404: 300.0, 408: 120.0, 503: 30.0},
}
_FUTILE = {
    Endpoint.WEBHOOK: frozenset({400, 401, 403, 413}),
    Endpoint.FUNCTION: frozenset({400, 403, 413}),
}
_ACCEPTED = frozenset({200, 201, 202, 203, 204})
_IN_A_ROW = 10
_FIRST_DELAY, _LONGEST_DELAY = 30.0, 300.0


def accepted(status: int | None) -> bool:
    """Return whether that status means success; None stands for no response."""
    return status in _ACCEPTED


def futile(status: int | None, endpoint: Endpoint) -> bool:
    """Return whether that status makes another attempt pointless."""
    return status in _FUTILE[endpoint]


def pause(attempts: int, status: int | None, endpoint: Endpoint) -> float:
    """Return the seconds to wait after so many attempts, the last of which had that status."""
    steps = chain(_STEPS[attempts - 1 :], repeat(_LAST_STEP))
    return max(next(steps), _FLOORS[endpoint].get(status or 0, 0.0))


def delay(failures: int) -> float:
    """Return the seconds that every delivery waits after so many failures of an endpoint in a row.

    The service delays an endpoint that fails or does not answer after about ten deliveries, "up to
    several hours", and does not say by how much: here from half a minute to five.
    """
    if failures < _IN_A_ROW:
        return 0.0
    return float(min(_FIRST_DELAY * 2 ** (failures // _IN_A_ROW - 1), _LONGEST_DELAY))
