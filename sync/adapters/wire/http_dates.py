"""Reads the dates of HTTP headers, as RFC 9110 has them."""

from datetime import UTC
from email.utils import parsedate_to_datetime


def http_date(header: str | None) -> float | None:
    """Return epoch seconds, None for what is no date."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
