"""Decides when a delivery is retried, and when it is given up.

The rules are those of "Event Grid message delivery and retry" for webhook endpoints.
"""

from itertools import chain, repeat

MAX_ATTEMPTS = 30
TIME_TO_LIVE = 24 * 3600.0
ANSWER_SECONDS = 30.0

_STEPS = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 3 * 3600.0, 6 * 3600.0)
_LAST_STEP = 12 * 3600.0
_FLOORS = {404: 300.0, 408: 120.0, 503: 30.0}
_FUTILE = frozenset({400, 401, 403, 413})
_ACCEPTED = frozenset({200, 201, 202, 203, 204})


def accepted(status: int | None) -> bool:
    """Return whether that status means success; None stands for no response."""
    return status in _ACCEPTED


def futile(status: int | None) -> bool:
    """Return whether that status makes another attempt pointless."""
    return status in _FUTILE


def pause(attempts: int, status: int | None) -> float:
    """Return the seconds to wait after so many attempts, the last of which had that status."""
    steps = chain(_STEPS[attempts - 1 :], repeat(_LAST_STEP))
    return max(next(steps), _FLOORS.get(status or 0, 0.0))
