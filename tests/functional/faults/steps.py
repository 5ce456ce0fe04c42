"""The steps of a case: prepared, met by its fault, and settled once that is gone."""

import time
from dataclasses import replace

from tests.functional.faults.case import Case, Seen, by_answer, by_log
from tests.functional.faults.cell import Trigger
from tests.functional.faults.rig import Rig
from tests.functional.world import EVENTS, TIMER

PATIENCE_SECONDS = 30.0
"""How long Event Grid waits for an answer; nobody else waits longer either."""


def prepare(rig: Rig, case: Case) -> None:
    """Bring the cell in step by another process than the one that is to meet the fault."""
    case.cell.fill()
    if case.trigger is Trigger.RESYNC:
        assert rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event()) == 202, case
    else:
        answer = rig.post(Trigger.RESYNC, {"vault": case.cell.name})
        assert answer.status == 200, f"{case}: {answer.text}"


def move_on(case: Case) -> None:
    """Give the next pass something to do."""
    case.cell.move_on()
    case.before = case.cell.held()


def deliver(rig: Rig, case: Case) -> None:
    """Deliver the cell's event."""
    since, began = rig.logged(Trigger.EVENT), time.monotonic()
    status = rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event())
    _check_time(case, began)
    told = by_log(rig.log(Trigger.EVENT, since), Trigger.EVENT, case.cell.name)
    case.seen[Trigger.EVENT] = Seen(*told, status, left=case.left())


def fire(rig: Rig, case: Case) -> None:
    """Fire the timer."""
    since = rig.logged(Trigger.TIMER)
    rig.hosts[Trigger.TIMER].fire(TIMER)
    told = by_log(rig.log(Trigger.TIMER, since), Trigger.TIMER, case.cell.name)
    case.seen[Trigger.TIMER] = Seen(*told, left=case.left())


def resync(rig: Rig, case: Case) -> None:
    """Resync the cell's vault over HTTP."""
    began = time.monotonic()
    answer = rig.post(Trigger.RESYNC, {"vault": case.cell.name})
    _check_time(case, began)
    outcomes = answer.body["outcomes"]
    assert isinstance(outcomes, list)
    case.seen[Trigger.RESYNC] = replace(by_answer(answer, outcomes[0]), left=case.left())


def status(rig: Rig, case: Case) -> None:
    """Ask for the status of the cell's vault."""
    began = time.monotonic()
    answer = rig.status(Trigger.RESYNC, case.cell.name)
    _check_time(case, began)
    vaults = answer.body["vaults"]
    assert isinstance(vaults, list)
    case.seen[Trigger.STATUS] = by_answer(answer, vaults[0])


def settle(rig: Rig, case: Case) -> None:
    """See that the fault did no harm, and that all is well once it is gone."""
    case.wrong += case.harm()
    case.heal()
    if case.trigger is Trigger.EVENT and case.seen[Trigger.EVENT].ended == "transient":
        again = rig.hosts[Trigger.EVENT].deliver(EVENTS, case.cell.event())
        if again != 202:
            case.wrong.append(f"the event that is delivered again is answered {again}")
    answer = rig.post(case.trigger, {"vault": case.cell.name})
    if answer.status != 200 or case.left() != "in step":
        case.wrong.append(f"the next pass leaves it {case.left()}: {answer.text}")


def _check_time(case: Case, began: float) -> None:
    took = time.monotonic() - began
    if took >= PATIENCE_SECONDS:
        case.wrong.append(f"answered after {took:.0f} s")
