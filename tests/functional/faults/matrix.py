"""Runs every case, each on vault and namespace of its own, many side by side."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from local.stack import Stack
from tests.functional.faults import processes, steps
from tests.functional.faults.calls import CALLS, Call
from tests.functional.faults.case import Case, Seen, by_log
from tests.functional.faults.cell import Cell, Trigger, Way
from tests.functional.faults.expected import fate
from tests.functional.faults.rig import Rig, apps, servers, timed
from tests.functional.faults.vocabulary import BY_SERVER, OF_CONNECTIONS, ONCE
from tests.kit.app import App, log_size

_OTHERS = (processes.tokens, processes.names, processes.searches)
_HANGING, _QUICK = 16, 6  # cases of one app at once: together less than its lanes
_MOST_SPOILED = 20  # of some thousand
_APART_SECONDS = 1.0
"""Between the beginnings of cases that hang: they would all end at once, and the app be late."""


@dataclass(frozen=True, slots=True)
class Run:
    """Every case, what three passes of each timer answered, and where a value was told.

    The first pass meets all faults, the second those alone that are for somebody to mend.
    """

    cases: Sequence[Case]
    passes: Sequence[tuple[int, int, int]]
    leaks: Sequence[str]


def run(folder: Path, calls: Sequence[Call] = CALLS) -> Run:
    """Run the cases of these calls."""
    with servers(folder) as rig:
        cases = [case for call in calls for case in _cases(rig.stack, call)]
        with apps(rig, cases), ExitStack() as threads:
            with ThreadPoolExecutor(_QUICK) as preparing:
                list(preparing.map(lambda case: _prepare(rig, case), cases))
            others = threads.enter_context(ThreadPoolExecutor(len(_OTHERS)))
            shared = [others.submit(run, rig) for run in _OTHERS]
            timers = threads.enter_context(ThreadPoolExecutor(len(rig.timers)))
            passes = timers.map(partial(_passes, rig), rig.timers, timed(cases))
            running: list[Future[None]] = []
            for trigger in (Trigger.EVENT, Trigger.RESYNC):
                for hangs, width in ((True, _HANGING), (False, _QUICK)):
                    pool, turn = threads.enter_context(ThreadPoolExecutor(width)), Lock()
                    running += [
                        pool.submit(_run, rig, case, turn)
                        for case in cases
                        if case.trigger is trigger and case.hangs is hangs
                    ]
            for each in running:
                each.result()
            done = [*passes]
            _look_again(rig, cases)
            cases += [case for each in shared for case in each.result()]
            return Run(cases, done, rig.leaks(case.cell for case in cases))


def _cases(stack: Stack, call: Call) -> Iterator[Case]:
    faults = [(fault, False) for fault in (*BY_SERVER, *call.another)]
    faults += [(fault, False) for fault in OF_CONNECTIONS if call.connects]
    faults += [(fault, True) for fault in ONCE]
    for fault, once in faults:
        for trigger in sorted(call.triggers - {Trigger.STATUS}):
            door = fault in OF_CONNECTIONS and call.server == "cluster"
            way = Way.OWN_DOOR if door else call.way
            yield Case(call, fault, trigger, Cell.of(stack, call.nature, way), once)


def _prepare(rig: Rig, case: Case) -> None:
    steps.prepare(rig, case)
    steps.move_on(case)


def _run(rig: Rig, case: Case, turn: Lock) -> None:
    if case.hangs:
        with turn:
            time.sleep(_APART_SECONDS)
    case.heal = rig.plant(case)
    if case.trigger is Trigger.EVENT:
        steps.deliver(rig, case)
    else:
        steps.resync(rig, case)
        if Trigger.STATUS in case.call.triggers and not case.once:
            steps.status(rig, case)
    steps.settle(rig, case)


def _look_again(rig: Rig, cases: Sequence[Case]) -> None:
    """Run the few cases again that a busy machine made late: each alone, those of a pass in one.

    The app's own limits are seconds long: where all cores are taken, a call may miss one, and ends
    as one that nobody answers. What ends otherwise, or does harm, is not excused.
    """
    spoiled = [case for case in cases if _was_late(case)]
    if len(spoiled) > _MOST_SPOILED:
        return
    for case in spoiled:
        case.seen.clear()
        case.wrong.clear()
        _prepare(rig, case)
        if case.trigger is not Trigger.TIMER:
            _run(rig, case, Lock())
    for app, own in zip(rig.timers, timed(cases), strict=True):
        if late := [case for case in own if case in spoiled]:
            _passes(rig, app, late)


def _was_late(case: Case) -> bool:
    """Tell whether the only thing wrong is a time limit, of the app's or of its caller's."""
    seen = case.seen[case.trigger]
    wanted = fate(case.call.name, case.fault, once=case.once)
    if not all(each.startswith(steps.TOO_LATE) for each in case.wrong):
        return False
    return bool(case.wrong) or ((seen.ended, seen.reason) != wanted and seen.reason in steps.LATE)


def _passes(rig: Rig, app: App, cases: Sequence[Case]) -> tuple[int, int, int]:
    """Fire a timer with all faults, with those that are permanent, and with none."""
    for case in cases:
        case.heal = rig.plant(case)
    began = time.monotonic()
    first = app.fire()
    took = time.monotonic() - began
    log = app.log()
    for case in cases:
        told = by_log(log, Trigger.TIMER, case.cell.name)
        case.seen[Trigger.TIMER] = Seen(*told, left=case.left())
        case.wrong += case.harm()
        if took >= steps.PASS_SECONDS:
            case.wrong.append(f"the pass took {took:.0f} s")
        if told[0] != "permanent":
            case.heal()
    second = app.fire()
    for case in cases:
        case.heal()
    since = log_size(app.host)
    third = app.fire()
    log = app.log(since)
    for case in cases:
        if case.left() != "in step":
            told = by_log(log, Trigger.TIMER, case.cell.name)
            case.wrong.append(f"the next pass leaves it {case.left()}: {' '.join(told)}")
    return first, second, third
