"""The times of a measurement and of its floor, and tables of both."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

_MILLI = 1000
_TAIL = 95

HEADINGS = ("", "floor ms", "p95", "measured ms", "p95", "ratio", "aim", "")
COUNT_HEADINGS = ("", "counted", "aim", "")

type Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Times:
    """The durations of the repeats, in seconds."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)

    @property
    def tail(self) -> float:
        """The 95th percentile by nearest rank, in seconds; for fewer than 20 the longest."""
        rank = math.ceil(len(self.seconds) * _TAIL / 100)
        return sorted(self.seconds)[rank - 1]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The measured times against the floor of the same run."""

    name: str
    measured: Times
    floor: Times
    at_most: float | None = None

    @property
    def value(self) -> float:
        """The ratio of the medians."""
        return self.measured.median / self.floor.median

    def row(self) -> Row:
        """Return the cells for HEADINGS."""
        aim = "-" if self.at_most is None else f"<= {self.at_most}"
        return (
            self.name,
            *_cells(self.floor),
            *_cells(self.measured),
            f"{self.value:.2f}",
            aim,
            _verdict(held=None if self.at_most is None else self.value <= self.at_most),
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened in each repeat, and the range that is allowed."""

    name: str
    counted: Sequence[int]
    at_least: int
    at_most: int

    @property
    def held(self) -> bool:
        """Whether every repeat was within the range."""
        return all(self.at_least <= count <= self.at_most for count in self.counted)

    def row(self) -> Row:
        """Return the cells for COUNT_HEADINGS; equal repeats are shown once."""
        aim = str(self.at_most)
        if self.at_least != self.at_most:
            aim = f"{self.at_least} to {self.at_most}" if self.at_least else f"<= {self.at_most}"
        told = ", ".join(str(count) for count, _ in groupby(sorted(self.counted)))
        return (self.name, told, aim, _verdict(held=self.held))


def table(headings: Row, rows: Iterable[Row]) -> str:
    """Format a table with the first column left-aligned and the others right-aligned."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


def _cells(times: Times) -> Row:
    return f"{times.median * _MILLI:.2f}", f"{times.tail * _MILLI:.2f}"


def _verdict(*, held: bool | None) -> str:
    return "" if held is None else "ok" if held else "MISSED"
