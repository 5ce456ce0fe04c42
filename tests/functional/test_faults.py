"""Every remote call with every fault by every trigger: the design's outcome, in time, unharmed."""

import pytest

from tests.functional.faults import document, matrix, processes
from tests.functional.faults.calls import CALLS, Call
from tests.functional.faults.case import Case, Seen
from tests.functional.faults.cell import Trigger
from tests.functional.faults.expected import fate
from tests.functional.faults.matrix import Run

_CALLS = (*CALLS, *(audience.call for audience in processes.AUDIENCES), processes.SEARCH)
_OF_TOKENS = tuple(audience.call for audience in processes.AUDIENCES)
_STATUS = {
    Trigger.EVENT: {"converged": 202, "permanent": 202, "transient": 500},
    Trigger.RESYNC: {"converged": 200, "permanent": 422, "transient": 503},
    Trigger.STATUS: {"told": 200, "permanent": 422, "transient": 503},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run every case, once for all tests."""
    return matrix.run(tmp_path_factory.mktemp("faults"))


def cases(done: Run, call: Call) -> list[Case]:
    """Return the cases of one call."""
    return [case for case in done.cases if case.call is call]


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: call.name)
def test_each_fault_ends_as_the_design_says(done: Run, call: Call) -> None:
    """Class and reason are those of the tables that were written by hand; nothing is a bug."""
    seen = {str(c): (c.seen[c.trigger].ended, c.seen[c.trigger].reason) for c in cases(done, call)}
    assert seen == {str(c): fate(call.name, c.fault, once=c.once) for c in cases(done, call)}


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: call.name)
def test_a_status_says_why(done: Run, call: Call) -> None:
    """A status tells the reason that a resync has, and is 200 where the Secret can be read."""
    for case in cases(done, call):
        if told := case.seen.get(Trigger.STATUS):
            assert told.reason == case.seen[Trigger.RESYNC].reason, case


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: call.name)
def test_each_class_is_answered_alike(done: Run, call: Call) -> None:
    """Event Grid and callers get the status of the class, and the service's own Retry-After."""
    for case in cases(done, call):
        for trigger, seen in case.seen.items():
            if trigger is Trigger.TIMER:
                continue
            covered = trigger is not Trigger.EVENT or call not in _OF_TOKENS  # see processes
            expected = _STATUS[trigger][seen.ended] if covered or seen.ended == "converged" else 500
            assert seen.status == expected, case
            assert seen.retry_after == _advice(case.fault, seen), case


def _advice(fault: str, seen: Seen) -> str:
    if seen.status != 503:
        return ""
    _, _, advice = fault.partition("Retry-After ")
    return advice or "30"


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: call.name)
def test_the_world_is_unharmed_and_converges(done: Run, call: Call) -> None:
    """Answered in time, nothing foreign or live lost, nothing made up, and in step a pass later."""
    assert [f"{case}: {what}" for case in cases(done, call) for what in case.wrong] == []


def test_a_pass_fails_for_what_may_pass_alone(done: Run) -> None:
    """The timer raises while something transient is wrong; what is permanent is reported only."""
    assert set(done.passes) == {(500, 202, 202)}


def test_no_value_is_told(done: Run) -> None:
    """No log line and no answer holds a value, plain or in base64."""
    assert done.leaks == []


def test_the_document_is_what_was_observed(done: Run) -> None:
    """docs/faults.md is what `make faults` would write now."""
    assert document.PATH.read_text() == document.document(done.cases)
