"""Reads the HTTP headers that hold times: dates, and Retry-After."""

import math
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3600.0
"""The longest wait that is believed: no service asks for more, and a hostile server could otherwise
stop all requests to its host."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After, a number or an HTTP date, asks to wait.

    They are 0 to LONGEST_SECONDS; None without a header that can be read.
    """
    header = headers.get("Retry-After")
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
