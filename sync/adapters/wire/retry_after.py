"""Reads the HTTP headers that hold times: dates, and Retry-After."""

import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

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


def http_date(header: str | None) -> float | None:
    """Return an HTTP date (RFC 9110) as epoch seconds; None if the header holds no date."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
