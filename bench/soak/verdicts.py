"""What a run must show to pass; pure functions of what was measured."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

MEBI = 1 << 20

MEMORY_MEBIBYTES = 4.0
"""How much anonymous memory may grow after the warm-up, by the slower half's trend.

Five minutes of the app as it is came to 0.5 on a busy machine; of one that keeps 8 KiB of each
event, to 23. A bound in bytes, not in bytes a second: so an hour sees leaks twelve times
smaller than five minutes do.
"""

DESCRIPTORS = 24.0
"""Connections that are kept come and go with the load; one lost with each fault adds up past it."""

THREADS = 6.0
"""Pools grow to their size and stay: what grows on is a thread for each of something."""

_WINDOWS = 5  # in each half
_LEAST = 4 * _WINDOWS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was asked, whether it held, and the figures by which."""

    name: str
    held: bool
    told: str

    def line(self) -> str:
        """Return what is printed."""
        return f"{'ok    ' if self.held else 'FAILED'}  {self.name}: {self.told}"


@dataclass(frozen=True, slots=True)
class Series:
    """One figure, looked at again and again at the same pace, the warm-up left out."""

    values: Sequence[float]

    @classmethod
    def after(cls, warm_up: float, points: Sequence[tuple[float, float]]) -> "Series":
        """Leave out what was measured, at so many seconds, before the warm-up was over."""
        return cls([value for at, value in points if at >= warm_up])

    def growth(self) -> float:
        """Return by how much it grows from end to end, at the pace of the half that grows less.

        What fills once and is full then, as a cache or a pool, grows in one half; a leak in both.
        The pace is the median of the slopes between the windows' medians (Theil and Sen), which a
        few wild windows do not move.
        """
        middle = len(self.values) // 2
        return 2 * min(_growth(self.values[:middle]), _growth(self.values[middle:]))


def _growth(values: Sequence[float]) -> float:
    medians = [
        statistics.median(
            values[len(values) * turn // _WINDOWS : len(values) * (turn + 1) // _WINDOWS]
        )
        for turn in range(_WINDOWS)
    ]
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(medians), 2)]
    return statistics.median(slopes) * _WINDOWS


def flat(name: str, series: Series, at_most: float, unit: str = "") -> Verdict:
    """Judge whether a figure stays where the warm-up left it; too few samples do not pass."""
    if len(series.values) < _LEAST:
        return Verdict(name, held=False, told=f"{len(series.values)} samples are too few to tell")
    grown = series.growth()
    ends = f"{series.values[0]:,.1f} at first, {series.values[-1]:,.1f} at last"
    return Verdict(
        name, grown <= at_most, f"grows by {grown:+.1f}{unit} (at most {at_most:g}), {ends}"
    )


def back(name: str, before: Mapping[str, int], after: Mapping[str, int], slack: float) -> Verdict:
    """Judge whether what an idle process has of each kind is what it had when idle before."""
    more = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in sorted({*before, *after})}
    told = ", ".join(f"{kind} {before.get(kind, 0)} → {after.get(kind, 0)}" for kind in more)
    return Verdict(name, all(count <= slack for count in more.values()), told or "none")


def nothing(name: str, found: Sequence[str], named: int = 5) -> Verdict:
    """Judge that nothing of a kind was found, and name some of what was."""
    told = "none" if not found else f"{len(found)}: " + "; ".join(found[:named])
    return Verdict(name, not found, told)


def within(name: str, seconds: Sequence[float], at_most: float) -> Verdict:
    """Judge that nothing took longer than a contract allows, and tell how long things took."""
    told = f"at most {at_most:g} s, {percentiles(seconds)}"
    return Verdict(name, max(seconds, default=math.inf) <= at_most, told)


def few(name: str, lines: int, of: int, at_most: int) -> Verdict:
    """Judge that a flood left few lines in the log."""
    return Verdict(name, lines <= at_most, f"{lines:,} lines of {of:,} (at most {at_most:,})")


def percentiles(seconds: Sequence[float]) -> str:
    """Tell how they are spread, by nearest rank."""
    if not seconds:
        return "none measured"
    ranked = sorted(seconds)
    named = {p: ranked[math.ceil(len(ranked) * p / 100) - 1] for p in (50, 95, 99)}
    told = ", ".join(f"p{p} {value:.2f}" for p, value in named.items())
    return f"{len(ranked):,} measured: {told}, longest {ranked[-1]:.2f}"
