"""Every fault of the calls that restart workloads: the Secret is in step, and the next look mends.

The calls that sync have `test_faults.py`; these fail no event, no pass and no request.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

import pytest

from local.faults import Fault
from local.kubernetes.documents import Document, items, parse_json
from local.kubernetes.faults import Where
from sync.core.reasons import Reason
from tests.functional.faults.steps import REQUEST_SECONDS
from tests.functional.faults.vocabulary import BY_SERVER
from tests.functional.world import Place, World
from tests.kit.deployments import allow_restarts, deploy, restarted_for
from tests.leaks.dye import value

_LIST, _PODS, _APPLY, _READ = "list of workloads", "list of pods", "apply", "read after a conflict"
_CALLS = {
    _LIST: ("list", "deployments"),
    _PODS: ("list", "pods"),
    _APPLY: ("patch", "deployments"),
    _READ: ("get", "deployments"),
}
_UNREACHABLE = {"hang", "drip", "endless head", "reset", "half a body", "half a chunked body"}
_UNAVAILABLE = {"429", "500", "502", "503", "408", "redirect"}
_FATES: Mapping[str, Mapping[str, str | None]] = {
    _LIST: {"403": Reason.WORKLOADS_FORBIDDEN},
    _PODS: {"403": None},
    _APPLY: {
        "404": Reason.CONFLICT,
        "409": Reason.CONFLICT,
        **dict.fromkeys(("403", "413", "422"), Reason.WORKLOAD_REFUSED),
    },
    _READ: {"403": Reason.WORKLOADS_FORBIDDEN, "404": "untold"},
}
"""What is told where calls differ; None if the workload is restarted."""

_SETTINGS = {
    "SYNC_RESTART": "annotated",
    "SYNC_RESTART_QUIET": "1",
    "SYNC_RESTART_CONCURRENCY": "1,1000",
}
_AT_ONCE = 12


def _fate(call: str, fault: str) -> str | None:
    """Return what is told of the workload, by hand."""
    kind = fault.partition(",")[0]
    if kind in _UNREACHABLE:
        return Reason.CLUSTER_UNREACHABLE
    if kind in _UNAVAILABLE:
        return Reason.CLUSTER_UNAVAILABLE
    if fault == "401":
        return Reason.CLUSTER_UNAUTHORIZED
    if fault == "slow":
        return None
    return _FATES[call].get(fault, Reason.CLUSTER_ANSWER_BROKEN)


@dataclass(slots=True)
class _Case:
    """A place whose Deployment is to be restarted, and what a fault made of that."""

    call: str
    fault: str
    place: Place
    status: int = 0
    reason: object = "untold"
    took: float = 0.0
    in_step: bool = False
    mended: bool = False


def _run(app: World, case: _Case) -> None:
    place, (verb, resource) = case.place, _CALLS[case.call]
    faults = app.stack.cluster.faults
    place.renew("key")
    if case.call == _READ:
        faults.plan(Fault(409), 1, Where("patch", "deployments", place.namespace))
    heal = faults.plan(BY_SERVER[case.fault], None, Where(verb, resource, place.namespace))
    began = time.monotonic()
    answer = app.resync(place)
    case.took, case.status = time.monotonic() - began, answer.status
    case.in_step = place.data() == place.wanted()
    body = parse_json(answer.text.encode())
    assert isinstance(body, dict)
    told: list[Document] = items(body, "restarts")
    case.reason = told[-1].get("reason") if told else "untold"
    heal()
    if case.reason == Reason.WORKLOAD_REFUSED:
        place.renew("key")  # what was refused is tried again in an hour, or for the next change
    if restarted_for(place, "web") is None:
        app.resync(place)
    case.mended = restarted_for(place, "web") is not None


def test_each_fault_ends_as_the_design_says(world: World) -> None:
    """Told with its reason, in time, with the Secret in step; later the workload is restarted."""
    cases = [
        _Case(call, fault, world.place(age=60, silent=True))
        for call in _CALLS
        for fault in BY_SERVER
    ]
    with world.app(**_SETTINGS) as app, ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda case: _prepare(app, case), cases))
        list(threads.map(lambda case: _run(app, case), cases))
    named = {f"{case.call}, {case.fault}": case for case in cases}
    assert {name: case.reason for name, case in named.items()} == {
        name: _fate(case.call, case.fault) for name, case in named.items()
    }
    assert {case.status for case in cases} == {HTTPStatus.OK}
    assert [name for name, case in named.items() if case.took >= REQUEST_SECONDS] == []
    assert [name for name, case in named.items() if not case.in_step] == []
    assert [name for name, case in named.items() if not case.mended] == []


@pytest.mark.parametrize("fault", ["500", "403", "hang", "half a body"])
def test_an_event_and_a_pass_do_not_fail(world: World, fault: str) -> None:
    """Whatever becomes of the restart: the event is done with, and so is the pass."""
    place = world.place(age=60, silent=True)
    allow_restarts(place)
    with world.app(place, **_SETTINGS) as app:
        place.renew("key")
        app.bring(place)
        deploy(place, "web", "key")
        where = Where("list", "deployments", place.namespace)
        heal = app.stack.cluster.faults.plan(BY_SERVER[fault], None, where)
        version = place.vault.set_secret("key", value()).version
        assert app.deliver(place.event("key", version)) == HTTPStatus.ACCEPTED
        assert place.data() == place.wanted()
        assert app.timer == HTTPStatus.ACCEPTED
        heal()
        assert app.timer == HTTPStatus.ACCEPTED
        assert restarted_for(place, "web") is not None


def _prepare(app: World, case: _Case) -> None:
    allow_restarts(case.place)
    case.place.renew("key")
    app.bring(case.place)
    deploy(case.place, "web", "key")
