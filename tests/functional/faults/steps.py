"""The steps of a case: prepared, met by its fault, and settled once that is gone."""

import time
from dataclasses import replace

from tests.functional.faults.case import Case, Seen, by_answer, by_log
from tests.functional.faults.cell import Trigger
from tests.functional.faults.rig import Rig
from tests.kit.app import log_size

RESYNC = "/api/resync"

EVENT_SECONDS = 30.0
"""How long Event Grid waits for an answer."""

REQUEST_SECONDS = 30.0
"""How long a caller waits for one vault."""

SEARCH_SECONDS = 60.0
"""How long a caller waits where the search for vaults, which may take 20 s, comes first."""

PASS_SECONDS = 300.0
"""When the timer's next pass is due."""

TOO_LATE = "answered after"
"""How the fault of a case begins that was answered too late."""

LATE = frozenset(
    {"DeadlineExceeded", "VaultUnreachable", "ClusterUnreachable", "ResourceManagerUnreachable"}
)
"""How a call ends that had no time left, or whose answer came too late."""

_TRIES = 5


def prepare(rig: Rig, case: Case) -> None:
    """Bring the cell in step by another process than the one that is to meet the fault.

    What is tested comes later: on a busy machine this may take more than one try.
    """
    case.cell.fill()
    told = ""
    for _ in range(_TRIES):
        if case.trigger is Trigger.RESYNC:
            status = rig.apps[Trigger.EVENT].deliver(case.cell.change())
            is_done, told = status == 202, f"the event is answered {status}"
        else:
            answer = rig.apps[Trigger.RESYNC].post(RESYNC, {"vault": case.cell.name})
            is_done, told = answer.status == 200, answer.text
        if is_done:
            return
        time.sleep(1)
    raise AssertionError(f"{case} could not be prepared: {told}")


def move_on(case: Case) -> None:
    """Give the next pass something to do."""
    case.cell.move_on()
    case.before = case.cell.documents()


def deliver(rig: Rig, case: Case) -> None:
    """Deliver the cell's event."""
    app = rig.apps[Trigger.EVENT]
    since, began = log_size(app.host), time.monotonic()
    status = app.deliver(case.cell.change())
    _check_time(case, began, EVENT_SECONDS)
    told = by_log(app.log(since), Trigger.EVENT, case.about)
    case.seen[Trigger.EVENT] = Seen(*told, status, left=case.left())


def fire(rig: Rig, case: Case) -> None:
    """Fire the timer."""
    app = rig.apps[Trigger.TIMER]
    since, began = log_size(app.host), time.monotonic()
    app.fire()
    _check_time(case, began, PASS_SECONDS)
    told = by_log(app.log(since), Trigger.TIMER, case.about)
    case.seen[Trigger.TIMER] = Seen(*told, left=case.left())


def resync(rig: Rig, case: Case) -> None:
    """Resync the cell's vault over HTTP, or all."""
    began = time.monotonic()
    asked = {"all": True} if case.call.about else {"vault": case.cell.name}
    answer = rig.apps[Trigger.RESYNC].post(RESYNC, asked)
    _check_time(case, began, SEARCH_SECONDS if case.call.about else REQUEST_SECONDS)
    told = _entry(case, answer.body["outcomes"]) or {"outcome": "converged"}
    case.seen[Trigger.RESYNC] = replace(by_answer(answer, told), left=case.left())


ACT = {Trigger.EVENT: deliver, Trigger.TIMER: fire, Trigger.RESYNC: resync}


def status(rig: Rig, case: Case) -> None:
    """Ask for the status of the cell's vault, or of all."""
    began = time.monotonic()
    asked = "" if case.call.about else f"?vault={case.cell.name}"
    answer = rig.apps[Trigger.RESYNC].get(f"/api/status{asked}")
    _check_time(case, began, SEARCH_SECONDS if case.call.about else REQUEST_SECONDS)
    told = _entry(case, answer.body["vaults"]) or {"explanation": {"secrets": []}}
    case.seen[Trigger.STATUS] = by_answer(answer, told)


def settle(rig: Rig, case: Case) -> None:
    """See that the fault did no harm, and that all is well once it is gone."""
    case.wrong += case.harm()
    case.heal()
    if case.trigger is Trigger.EVENT and case.seen[Trigger.EVENT].ended == "transient":
        again = rig.apps[Trigger.EVENT].deliver(case.cell.change())
        if again != 202:
            case.wrong.append(f"the event that is delivered again is answered {again}")
    answer = rig.apps[case.trigger].post(RESYNC, {"vault": case.cell.name})
    if answer.status != 200 or case.left() != "in step":
        reason = by_answer(answer, _entry(case, answer.body["outcomes"])).reason
        late = f"{TOO_LATE} its time limit: " if reason in LATE else ""
        case.wrong.append(f"{late}the next pass leaves it {case.left()}: {answer.text}")


def _entry(case: Case, told: object) -> object:
    assert isinstance(told, list)
    return next((each for each in told if each["vault"] == case.about), None)


def _check_time(case: Case, began: float, patience: float) -> None:
    took = time.monotonic() - began
    if took >= patience:
        case.wrong.append(f"{TOO_LATE} {took:.0f} s")
