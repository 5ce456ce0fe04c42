"""The verdicts of one run: what each is about, by which figures and against which bound."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from bench.soak import verdicts
from bench.soak.estate import EVENT, TIMER
from bench.soak.load import TIMER_FUNCTION
from bench.soak.process import Sample
from bench.soak.run import FROM_CALLERS, REST, TO_CLUSTER, TO_VAULTS, Run
from bench.soak.told import REFUSALS
from bench.soak.verdicts import MEBI, Series, Verdict

CALM_SECONDS = 60.0
"""Event Grid waits 30 s for a delivery: one that fails late, and the next."""

STALE_SECONDS = 270.0
"""What no event brings a pass does, and that is all the time a pass has."""

_POOL = 16  # connections that the app keeps to a vault or a cluster
_LINES = 100  # of one reason and hour: by docs/outcomes.md a hundred, where few causes repeat


def judge(run: Run) -> Iterator[Verdict]:
    """Make the last pass, and judge what is left then and what was seen before."""
    fired = run.host.fire(TIMER_FUNCTION)
    yield Verdict("the last pass", fired == HTTPStatus.ACCEPTED, f"answered {fired}")
    yield verdicts.nothing(
        "keys that are not their vault's",
        [each for plot in run.plots for each in plot.differences()],
    )
    run.told.read()
    yield from _flat(run)
    yield from _timely(run)
    yield verdicts.nothing("values told", [*run.told.leaks, *run.load.wrong])
    yield verdicts.nothing("bugs", run.told.bugs)
    yield verdicts.few(
        "refused events in the log",
        sum(run.told.reasons[reason] for reason in REFUSALS),
        run.load.done["refused events"],
        _LINES * len(REFUSALS) * (1 + int(run.seconds // 3600)),
    )


def _flat(run: Run) -> Iterator[Verdict]:
    def series(of: Callable[[Sample], float]) -> Series:
        busy = [(each.at, of(each.seen)) for each in run.moments if each.phase != REST]
        return Series.after(run.warm_up, busy)

    memory = series(lambda seen: seen.anonymous / MEBI)
    yield verdicts.flat("anonymous memory", memory, verdicts.MEMORY_MEBIBYTES, " MiB")
    for name, of, bound in (
        ("descriptors", _descriptors, verdicts.DESCRIPTORS),
        ("threads", _threads, verdicts.THREADS),
    ):
        yield verdicts.flat(f"{name} under load", series(of), bound)
    first, *_, last = run.idle
    kept = {kind: max(_own(first).get(kind, 0), many) for kind, many in _pools(run).items()}
    before = {**_own(first), **kept}
    yield verdicts.back("idle descriptors", before, _own(last), verdicts.DESCRIPTORS)
    yield verdicts.back(
        "idle threads", {"all": first.threads}, {"all": last.threads}, verdicts.THREADS
    )


def _timely(run: Run) -> Iterator[Verdict]:
    for means in (EVENT, TIMER):
        of = [each for each in run.load.arrived if each.means == means]
        if calm := [each.seconds for each in of if each.calm]:  # a busy machine may see none
            yield verdicts.within(f"out of step in calm, {means}", calm, CALM_SECONDS)
        yield verdicts.within(
            f"out of step at all, {means}", [each.seconds for each in of], STALE_SECONDS
        )


def _own(seen: Sample) -> Mapping[str, int]:
    """Return the descriptors but those that are for callers to close, as Event Grid's are."""
    return {kind: count for kind, count in seen.descriptors.items() if kind != FROM_CALLERS}


def _descriptors(seen: Sample) -> float:
    return sum(_own(seen).values())


def _threads(seen: Sample) -> float:
    return seen.threads


def _pools(run: Run) -> Mapping[str, int]:
    """Return how many connections the app's pools may keep, to all the vaults and the cluster."""
    return {TO_VAULTS: _POOL * len(run.plots), TO_CLUSTER: _POOL}
