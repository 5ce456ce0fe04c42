"""Shows dead letters: a row for each, or each with all that its event says."""

from collections.abc import Iterator, Sequence

from sync.cli.documents import Document, items, number, text
from sync.cli.exits import Exit
from sync.cli.session import Blocks, View
from sync.cli.tables import Row, Style, Table, counted, moment, total

_SERVICE = "Microsoft.KeyVault."
_FIELDS = (
    "id",
    "vault",
    "secret",
    "version",
    "event_type",
    "subscription",
    "event_time",
    "published",
    "last_attempt",
    "attempts",
    "dead_letter_reason",
    "outcome",
    "status",
    "blob",
)
_TIMES = {"event_time", "published", "last_attempt"}


def _code(document: Document) -> Exit:
    return Exit.FAILED if items(document, "unreadable") else Exit.IN_STEP


def _listed(document: Document, style: Style) -> Blocks:
    letters = items(document, "dead_letters")
    headings: Row = ("LAST ATTEMPT", "VAULT", "NAME", "EVENT", "WHY", "OUTCOME", "ATTEMPTS", "ID")
    if style.wide:
        headings = (*headings, "BLOB")
    yield Table(headings, [_row(each, style) for each in letters], folds=False)
    yield from _unreadable(document)
    yield total("dead letter", (text(each, "vault") for each in letters))
    yield from _left_out(document)


def _row(letter: Document, style: Style) -> Row:
    row = (
        moment(text(letter, "last_attempt")),
        text(letter, "vault"),
        text(letter, "secret"),
        text(letter, "event_type").removeprefix(_SERVICE),
        text(letter, "dead_letter_reason"),
        _outcome(letter),
        _told(letter, "attempts"),
        text(letter, "id"),
    )
    return (*row, text(letter, "blob")) if style.wide else row


def _outcome(letter: Document) -> str:
    return " ".join(filter(None, (text(letter, "outcome"), _told(letter, "status"))))


def _shown(document: Document, style: Style) -> Blocks:
    del style
    for letter in items(document, "dead_letters"):
        rows = [(name, _told(letter, name)) for name in _FIELDS if name in letter]
        yield Table(("FIELD", "VALUE"), rows, folds=False)


def _told(letter: Document, name: str) -> str:
    if name in _TIMES:
        return moment(text(letter, name))
    return text(letter, name) or (str(number(letter, name)) if name in letter else "")


def _unreadable(document: Document) -> Iterator[Table]:
    rows = [
        (text(each, "blob"), text(each, "reason"), text(each, "message"))
        for each in items(document, "unreadable")
    ]
    yield Table(("UNREADABLE", "REASON", "WHY"), rows)


def _left_out(document: Document) -> Iterator[str]:
    if others := number(document, "others"):
        yield f"{counted(others, 'event')} not of a vault's secrets left out.\n"
    if older := number(document, "older"):
        yield f"{counted(older, 'older blob')} not opened: --days says how far back to look.\n"


def _complaints(document: Document) -> Iterator[str]:
    for each in items(document, "unreadable"):
        yield f"{text(each, 'blob')}: {text(each, 'reason')}: {text(each, 'message')}"


def _ids(document: Document) -> Sequence[str]:
    return list(filter(None, (text(each, "id") for each in items(document, "dead_letters"))))


LISTED = View(_code, _listed, _ids, _complaints)
SHOWN = View(_code, _shown, _ids, _complaints)
