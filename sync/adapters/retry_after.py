"""Reads the Retry-After header, which both services send when they want to be left alone."""

import time
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""Seconds; advice beyond that is taken for a day: whoever heeds it falls silent."""


def retry_after(header: str | None) -> float | None:
    """Return the seconds to wait, a day at most; the header has a number or an HTTP date."""
    if not header:
        return None
    if header.strip().isdecimal():
        return min(float(header), LONGEST)
    try:
        wait = parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait), LONGEST)
