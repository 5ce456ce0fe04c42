"""How a vault divides its listings into pages, with the service's quirks."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.key_vault.refusals import bad_parameter

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Quirks:
    """Quirks that the real service shows now and then, and this one on demand.

    `empty_pages`: each page follows an empty one that has a nextLink. `repeated_entry`: the first
    entry of a listing appears once more at its end, in the other case. `page_size`: the maximum
    page size.
    """

    empty_pages: bool = False
    repeated_entry: bool = False
    null_page: bool = False
    page_size: int = PAGE_SIZE
    odd: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Page[T]:
    """One page; `skiptoken` requests the next one, None marks the last page."""

    entries: tuple[T, ...]
    skiptoken: str | None


def cut[T](
    rows: Sequence[tuple[str, T]], maxresults: int, skiptoken: str | None, quirks: Quirks
) -> Page[T]:
    """Return the page after the token from rows (sort key, entry), despite changes in between.

    Raises `Refused` for `maxresults` outside of 1 to 25 and for a foreign token.
    """
    if not 1 <= maxresults <= PAGE_SIZE:
        raise bad_parameter(f"Parameter 'maxresults' must be between 1 and {PAGE_SIZE}.")
    after, is_announced = _read(skiptoken)
    if quirks.empty_pages and not is_announced:
        return Page((), _token(after, is_announced=True))
    rest = sorted((row for row in rows if row[0] > after), key=lambda row: row[0])
    size = min(maxresults, quirks.page_size)
    taken = rest[:size]
    has_more = len(rest) > size
    return Page(
        tuple(entry for _, entry in taken),
        _token(taken[-1][0], is_announced=False) if has_more else None,
    )


def _token(after: str, *, is_announced: bool) -> str:
    return base64.urlsafe_b64encode(f"{int(is_announced)}{after}".encode()).decode()


def _read(skiptoken: str | None) -> tuple[str, bool]:
    if skiptoken is None:
        return "", False
    try:
        text = base64.urlsafe_b64decode(skiptoken).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise bad_parameter("The $skiptoken is not one that this vault gave.") from error
    return text[1:], text[:1] == "1"
