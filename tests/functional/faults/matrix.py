"""Runs every case, each on vault and namespace of its own, many side by side."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from local.stack import Stack
from tests.functional.faults.calls import CALLS, Call
from tests.functional.faults.case import Case, Seen, by_answer, by_log
from tests.functional.faults.cell import Cell, Trigger, Way
from tests.functional.faults.rig import Rig, apps, servers
from tests.functional.faults.vocabulary import BY_SERVER, OF_CONNECTIONS, ONCE
from tests.functional.world import EVENTS, TIMER

PATIENCE_SECONDS = 30.0
"""How long Event Grid waits for an answer; nobody else waits longer either."""

_HANGING, _QUICK = 16, 6  # cases of one app at once: together less than its lanes


@dataclass(frozen=True, slots=True)
class Run:
    """Every case, what three passes of the timer answered, and where a value was told.

    The first pass meets all faults, the second those alone that are for somebody to mend.
    """

    cases: Sequence[Case]
    passes: tuple[int, int, int]
    leaks: Sequence[str]


def run(folder: Path, calls: Sequence[Call] = CALLS) -> Run:
    """Run the cases of these calls."""
    with servers(folder) as rig:
        cases = [case for call in calls for case in _cases(rig.stack, call)]
        with apps(rig, cases), ExitStack() as threads:
            with ThreadPoolExecutor(_QUICK) as preparing:
                list(preparing.map(lambda case: _prepare(rig, case), cases))
            timed = [case for case in cases if case.trigger is Trigger.TIMER]
            passes = threads.enter_context(ThreadPoolExecutor(1)).submit(_passes, rig, timed)
            running: list[Future[None]] = []
            for trigger in (Trigger.EVENT, Trigger.RESYNC):
                for hangs, width in ((True, _HANGING), (False, _QUICK)):
                    pool = threads.enter_context(ThreadPoolExecutor(width))
                    running += [
                        pool.submit(_run, rig, case)
                        for case in cases
                        if case.trigger is trigger and case.hangs is hangs
                    ]
            for each in running:
                each.result()
            return Run(cases, passes.result(), rig.leaks())


def _cases(stack: Stack, call: Call) -> Iterator[Case]:
    faults = [(fault, False) for fault in (*BY_SERVER, *call.another)]
    faults += [(fault, False) for fault in OF_CONNECTIONS if call.connects]
    faults += [(fault, True) for fault in ONCE]
    for fault, once in faults:
        for trigger in sorted(call.triggers - {Trigger.STATUS}):
            door = fault in OF_CONNECTIONS and call.server == "cluster"
            way = Way.OWN_DOOR if door else call.way
            yield Case(call, fault, once, trigger, Cell(stack, Cell.new_stage(), call.nature, way))


def _prepare(rig: Rig, case: Case) -> None:
    """Bring the cell in step by another process than the one that is to meet the fault."""
    case.cell.fill()
    if case.trigger is Trigger.RESYNC:
        assert rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event()) == 202, case
    else:
        answer = rig.post(Trigger.RESYNC, {"vault": case.cell.name})
        assert answer.status == 200, f"{case}: {answer.text}"
    case.cell.move_on()
    case.before = case.cell.held()


def _run(rig: Rig, case: Case) -> None:
    case.heal = rig.plant(case)
    if case.trigger is Trigger.EVENT:
        _deliver(rig, case)
    else:
        _resync(rig, case)
        if Trigger.STATUS in case.call.triggers and not case.once:
            _status(rig, case)
    case.wrong += case.harm()
    case.heal()
    if case.trigger is Trigger.EVENT and case.seen[Trigger.EVENT].ended == "transient":
        status = rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event())
        if status != 202:
            case.wrong.append(f"the event that is delivered again is answered {status}")
    answer = rig.post(case.trigger, {"vault": case.cell.name})
    if answer.status != 200 or case.left() != "in step":
        case.wrong.append(f"the next pass leaves it {case.left()}: {answer.text}")


def _deliver(rig: Rig, case: Case) -> None:
    since, began = rig.logged(Trigger.EVENT), time.monotonic()
    status = rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event())
    _check_time(case, began)
    told = by_log(rig.log(Trigger.EVENT, since), Trigger.EVENT, case.cell.name)
    case.seen[Trigger.EVENT] = Seen(*told, status, left=case.left())


def _resync(rig: Rig, case: Case) -> None:
    began = time.monotonic()
    answer = rig.post(Trigger.RESYNC, {"vault": case.cell.name})
    _check_time(case, began)
    outcomes = answer.body["outcomes"]
    assert isinstance(outcomes, list)
    case.seen[Trigger.RESYNC] = replace(by_answer(answer, outcomes[0]), left=case.left())


def _status(rig: Rig, case: Case) -> None:
    began = time.monotonic()
    answer = rig.status(Trigger.RESYNC, case.cell.name)
    _check_time(case, began)
    vaults = answer.body["vaults"]
    assert isinstance(vaults, list)
    case.seen[Trigger.STATUS] = by_answer(answer, vaults[0])


def _check_time(case: Case, began: float) -> None:
    took = time.monotonic() - began
    if took >= PATIENCE_SECONDS:
        case.wrong.append(f"answered after {took:.0f} s")


def _passes(rig: Rig, cases: Sequence[Case]) -> tuple[int, int, int]:
    """Fire the timer with all faults, with those that are permanent, and with none."""
    host = rig.hosts[Trigger.TIMER]
    for case in cases:
        case.heal = rig.plant(case)
    first = host.fire(TIMER)
    log = rig.log(Trigger.TIMER)
    for case in cases:
        told = by_log(log, Trigger.TIMER, case.cell.name)
        case.seen[Trigger.TIMER] = Seen(*told, left=case.left())
        case.wrong += case.harm()
        if told[0] != "permanent":
            case.heal()
    second = host.fire(TIMER)
    for case in cases:
        case.heal()
    since = rig.logged(Trigger.TIMER)
    third = host.fire(TIMER)
    log = rig.log(Trigger.TIMER, since)
    for case in cases:
        if case.left() != "in step":
            told = by_log(log, Trigger.TIMER, case.cell.name)
            case.wrong.append(f"the next pass leaves it {case.left()}: {' '.join(told)}")
    return first, second, third
