"""Aligns tables: one line a row in a pipe; on a terminal fitted to its width, with whole names."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

type Row = Sequence[str]

NONE = "-"
NAMED = 5  # how many names a cell shows

_GAP = "  "
_INDENT = "  "  # of what has no room beside the rest of its row
_SHORT = 8  # characters of a version
_NARROW = 24  # characters left to a text before it gets a line of its own
_GREEN, _YELLOW, _RED, _FAINT = "32", "33", "31", "2"
_COLOURS: Mapping[str, str] = {
    **dict.fromkeys(("in step", "converged", "changed", "ok", "empty", "taken over"), _GREEN),
    **dict.fromkeys(("out of step", "waiting", "drifted", "stale", "absent", "warning"), _YELLOW),
    **dict.fromkeys(("failed", "unknown", "taken", "ignored"), _RED),
    **dict.fromkeys(("out", "skipped", "kept"), _FAINT),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How to show a table; `width` is None where a line may be of any length."""

    width: int | None = None
    colour: bool = False
    wide: bool = False

    def paint(self, word: str, padded: str = "") -> str:
        """Colour a state's word, and what pads it."""
        colour = _COLOURS.get(word) if self.colour else None
        return f"\x1b[{colour}m{padded or word}\x1b[0m" if colour else padded or word


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings.

    A heading `VERSION` is of versions, which may be shortened, and `STATE`, `RESULT` and the like
    are coloured. The last column is text, which may be folded, if `folds`; the others are whole.
    """

    headings: Row
    rows: Sequence[Row]
    folds: bool = True


def render(table: Table, style: Style) -> str:
    """Return the table's lines."""
    lines = [table.headings, *([printable(cell) or NONE for cell in row] for row in table.rows)]
    if style.wide or style.width is None:
        return "".join(_lines(lines, range(len(table.headings)), None, style))
    if _room(lines) > style.width:
        lines = [table.headings, *(_shortened(table.headings, row) for row in lines[1:])]
    groups = list(_groups(lines, style.width, folds=table.folds))
    head, *rows = zip(*(_rows(lines, group, style, style.width) for group in groups), strict=True)
    # What a text below its row is shows without a heading.
    alone = len(groups) > 1 and len(groups[-1]) == 1 and table.folds
    return "".join(map(_stacked, [head[:-1] if alone else head, *rows]))


def printable(text: str) -> str:
    """Replace what a terminal would take for a command, or would not show."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def total(what: str, words: Iterable[str]) -> str:
    """Count the words, as in '3 vaults: 1 failed, 2 in step'."""
    counts = Counter(words)
    each = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{counted(counts.total(), what)}{each and ': '}{each}\n"


def counted(count: int, what: str) -> str:
    """Return the number and the word, in the plural if need be."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def named(what: str, names: Sequence[str], style: Style) -> str:
    """List a few names, or in wide tables all of them."""
    shown = len(names) if style.wide else NAMED
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{what}: {', '.join(names[:shown])}{more}" if names else ""


def joined(notes: Iterable[str]) -> str:
    """Join what is to be said of a row."""
    return "; ".join(filter(None, notes))


def moment(iso: str) -> str:
    """Return an ISO 8601 time in UTC as people read it."""
    return iso.replace("T", " ").replace("+00:00", "Z")


def _shortened(headings: Row, row: Row) -> Row:
    return [
        cell[:_SHORT] if heading == "VERSION" else cell
        for heading, cell in zip(headings, row, strict=True)
    ]


def _room(lines: Sequence[Row]) -> int:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _groups(lines: Sequence[Row], width: int, *, folds: bool) -> Iterator[range]:
    """Divide the columns among as few lines as hold them."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if folds:
        longest = max((len(word) for *_, cell in lines for word in cell.split()), default=0)
        widths[-1] = min(widths[-1], max(_NARROW, longest))
    begin, used = 0, -len(_GAP)
    for at, needed in enumerate(widths):
        if at > begin and used + len(_GAP) + needed > width:
            yield range(begin, at)
            begin, used = at, len(_INDENT) - len(_GAP)
        used += len(_GAP) + needed
    yield range(begin, len(widths))


def _rows(lines: Sequence[Row], group: range, style: Style, width: int) -> Iterator[str]:
    left = width - (len(_INDENT) if group.start else 0)
    whole = [line[group.start : group.stop - 1] for line in lines]
    left -= _room(whole) + len(_GAP) if len(group) > 1 else 0
    return _lines(lines, group, left if group.stop == len(lines[0]) else None, style)


def _lines(lines: Sequence[Row], group: range, fold: int | None, style: Style) -> Iterator[str]:
    """Yield each row, its last cell folded to `fold` characters."""
    shown = [line[group.start : group.stop] for line in lines]
    cells = [[[cell] for cell in line[:-1]] + [_folded(line[-1], fold)] for line in shown]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for number, line in enumerate(cells):
        text = ""
        for parts in zip_longest(*line, fillvalue=""):
            last = len(parts) - 1
            padded = [
                part if at == last else part.ljust(widths[at]) for at, part in enumerate(parts)
            ]
            text += _joined(parts, padded, style, heading=not number)
        yield text


def _joined(parts: Row, padded: Row, style: Style, *, heading: bool) -> str:
    plain = _GAP.join(padded).rstrip()
    if heading or not style.colour:
        return plain + "\n"
    painted = (style.paint(part, whole) for part, whole in zip(parts, padded, strict=True))
    return _GAP.join(painted).rstrip() + "\n"


def _folded(cell: str, width: int | None) -> list[str]:
    if width is None or len(cell) <= width:
        return [cell]
    return wrap(cell, max(width, 1), break_long_words=False, break_on_hyphens=False)


def _stacked(parts: Row) -> str:
    """Put the parts of a row below each other; without those that say nothing."""
    first, *others = parts
    lines = "".join(part for part in others if {*part.split()} - {NONE})
    return first + "".join(_INDENT + line for line in lines.splitlines(keepends=True))
