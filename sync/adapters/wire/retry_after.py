"""Reads the Retry-After header, which the services send when they want to be left alone."""

import math
import time

from sync.adapters.wire.http_dates import http_date

LONGEST_SECONDS = 3600.0
"""No service means to be left alone for longer, and a hostile one would keep away others' requests,
too."""


def retry_after(header: str | None) -> float | None:
    """Return the seconds to wait, an hour at most; the header has a number or an HTTP date."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        until = http_date(header)
        if until is None:
            return None
        seconds = until - time.time()
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_SECONDS)
