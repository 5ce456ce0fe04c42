"""The limits that a run must stay within, and the verdicts on one run's figures."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import combinations

from bench.soak.plots import EVENT, TIMER
from bench.soak.run import FROM_CALLERS, MEBI, REST, TO_CLUSTER, TO_VAULTS, Moment, Run
from bench.soak.samples import Sample

MEMORY_MEBIBYTES = 4.0
"""How much anonymous memory may grow after the warm-up, by the slower half's trend.

In five minutes on a busy machine the real app grew by 0.5, one that leaks 8 KiB per event by 23.
The limit is in bytes, not bytes per second: an hour detects leaks twelve times smaller than five
minutes do.
"""

DESCRIPTORS = 24.0
"""The number of pooled connections varies with the load; one leak per fault exceeds this limit."""

THREADS = 6.0
"""Pools grow to their size and stay there; further growth means that something leaks threads."""

CALM_SECONDS = 60.0
"""Event Grid waits 30 s for a delivery: one that fails late, and the next."""

STALE_SECONDS = 270.0
"""A pass does what no event causes, and this is the time limit of a pass."""

REFUSALS = (
    "EventTypeIgnored",
    "EventMalformed",
    "EventMismatch",
    "SubscriptionNotAllowed",
    "VaultNameOffPattern",
    "TargetContested",
    "TargetTaken",
)
"""The reasons for which the app refuses the load's refused events."""

_POOL = 16  # connections that the app keeps to a vault or a cluster
_LINES = 100  # per reason and hour, see docs/outcomes.md: a hundred, if few causes repeat
_WINDOWS = 5  # in each half
_LEAST = 4 * _WINDOWS
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: whether it held, and its figures."""

    name: str
    held: bool
    told: str

    def line(self) -> str:
        """Return the printed line."""
        return f"{'ok    ' if self.held else 'FAILED'}  {self.name}: {self.told}"


def judge(run: Run) -> Iterator[Verdict]:
    """Run the last pass, then judge the final state and the samples."""
    fired = run.load.app.fire()
    yield Verdict("the last pass", fired == HTTPStatus.ACCEPTED, f"answered {fired}")
    different = [each for plot in run.load.plots for each in plot.differences()]
    yield nothing("keys that are not their vault's", different)
    run.log.read()
    yield from _trends(run)
    yield from _idle(run)
    for means in (EVENT, TIMER):
        of = [each for each in run.load.arrived if each.means == means]
        if calm := [each.seconds for each in of if each.calm]:  # there may be none
            yield within(f"out of step in calm, {means}", calm, CALM_SECONDS)
        yield within(f"out of step at all, {means}", [each.seconds for each in of], STALE_SECONDS)
    yield nothing("values told", [*run.log.leaks, *run.load.wrong])
    yield nothing("bugs", run.log.bugs)
    yield few(
        "refused events in the log",
        sum(run.log.reasons[reason] for reason in REFUSALS),
        run.load.done["refused events"],
        _LINES * len(REFUSALS) * (1 + int(run.seconds // 3600)),
    )


def _trends(run: Run) -> Iterator[Verdict]:
    busy = under_load(run.moments, run.warm_up)
    memory = [seen.anonymous / MEBI for seen in busy]
    yield flat("anonymous memory", memory, MEMORY_MEBIBYTES, " MiB")
    descriptors = [float(sum(_own(seen).values())) for seen in busy]
    yield flat("descriptors under load", descriptors, DESCRIPTORS)
    yield flat("threads under load", [float(seen.threads) for seen in busy], THREADS)


def under_load(moments: Sequence[Moment], warm_up: float) -> list[Sample]:
    """Return the samples after the warm-up, without the pauses."""
    return [each.seen for each in moments if each.phase != REST and each.at >= warm_up]


def _idle(run: Run) -> Iterator[Verdict]:
    """Compare the two pauses; the app's pools may keep connections to all vaults and clusters."""
    first, *_, last = run.idle
    pools = {TO_VAULTS: _POOL * len(run.load.plots), TO_CLUSTER: _POOL}
    before = dict(_own(first))
    before |= {kind: max(before.get(kind, 0), many) for kind, many in pools.items()}
    yield back("idle descriptors", before, _own(last), DESCRIPTORS)
    yield back("idle threads", {"all": first.threads}, {"all": last.threads}, THREADS)


def _own(seen: Sample) -> Mapping[str, int]:
    """Return the descriptors without those that callers close, such as Event Grid's."""
    return {kind: count for kind, count in seen.descriptors.items() if kind != FROM_CALLERS}


def flat(name: str, values: Sequence[float], at_most: float, unit: str = "") -> Verdict:
    """Judge whether a figure stays at its level after the warm-up; too few samples fail."""
    if len(values) < _LEAST:
        return Verdict(name, held=False, told=f"{len(values)} samples are too few to tell")
    grown = growth(values)
    ends = f"{values[0]:,.1f} at first, {values[-1]:,.1f} at last"
    return Verdict(
        name, grown <= at_most, f"grows by {grown:+.1f}{unit} (at most {at_most:g}), {ends}"
    )


def growth(values: Sequence[float]) -> float:
    """Return how much a figure grows from start to end, at the pace of the slower half.

    A cache or a pool that fills up grows in one half, a leak in both. The pace is the median of the
    slopes between the windows' medians (Theil-Sen), which is robust against a few outliers.
    """
    middle = len(values) // 2
    return 2 * min(_half(values[:middle]), _half(values[middle:]))


def _half(values: Sequence[float]) -> float:
    medians = [
        statistics.median(
            values[len(values) * turn // _WINDOWS : len(values) * (turn + 1) // _WINDOWS]
        )
        for turn in range(_WINDOWS)
    ]
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(medians), 2)]
    return statistics.median(slopes) * _WINDOWS


def back(name: str, before: Mapping[str, int], after: Mapping[str, int], slack: float) -> Verdict:
    """Judge whether an idle process has as much of each kind as when it was idle before."""
    more = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in sorted({*before, *after})}
    told = ", ".join(f"{kind} {before.get(kind, 0)} → {after.get(kind, 0)}" for kind in more)
    return Verdict(name, all(count <= slack for count in more.values()), told or "none")


def nothing(name: str, found: Sequence[str]) -> Verdict:
    """Judge that nothing of a kind was found, and name some of it otherwise."""
    told = "none" if not found else f"{len(found)}: " + "; ".join(found[:_NAMED])
    return Verdict(name, not found, told)


def within(name: str, seconds: Sequence[float], at_most: float) -> Verdict:
    """Judge that nothing took longer than allowed, and report the durations."""
    told = f"at most {at_most:g} s, {percentiles(seconds)}"
    return Verdict(name, max(seconds, default=math.inf) <= at_most, told)


def few(name: str, lines: int, of: int, at_most: int) -> Verdict:
    """Judge that a flood left few lines in the log."""
    return Verdict(name, lines <= at_most, f"{lines:,} lines of {of:,} (at most {at_most:,})")


def percentiles(seconds: Sequence[float]) -> str:
    """Return the percentiles by nearest rank."""
    if not seconds:
        return "none measured"
    ranked = sorted(seconds)
    named = {p: ranked[math.ceil(len(ranked) * p / 100) - 1] for p in (50, 95, 99)}
    told = ", ".join(f"p{p} {value:.2f}" for p, value in named.items())
    return f"{len(ranked):,} measured: {told}, longest {ranked[-1]:.2f}"
