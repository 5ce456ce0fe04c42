"""Runs the cases of what a whole process shares, one fault after the other: the token endpoint."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from local import arm
from local.api_server import AKS_AUDIENCE
from local.faults import Healing, Plans
from local.host_process import HostProcess
from local.identity import identity_app
from local.proxy import Proxy
from local.serving import LOOPBACK
from local.stack import KEY_VAULT, ROOT
from tests.functional.faults import steps
from tests.functional.faults.calls import AKS, WRITES, Call, nowhere
from tests.functional.faults.case import Case
from tests.functional.faults.cell import Cell, Trigger, Way
from tests.functional.faults.rig import THREADS, Rig
from tests.functional.faults.vocabulary import BY_SERVER, EXPIRED, NO_HOST, OF_CONNECTIONS

_TRIGGERS = tuple(steps.ACT)


@dataclass(frozen=True, slots=True)
class Audience:
    """What tokens are for, and the way to the cluster by which one is needed."""

    call: Call
    resource: str
    way: Way


AUDIENCES = (
    Audience(Call("token for vaults", "token", nowhere, WRITES), KEY_VAULT, Way.USUAL),
    Audience(Call("token for a cluster", "token", nowhere, WRITES), AKS_AUDIENCE, Way.ENTRA),
    Audience(
        Call("token for Azure Resource Manager", "token", nowhere, WRITES), arm.RESOURCE, Way.AKS
    ),
)


@dataclass(frozen=True, slots=True)
class Round:
    """A fault that everybody in a process meets, and a case for each trigger."""

    plant: Callable[[], Healing]
    cases: Sequence[Case]


def run(rig: Rig) -> list[Case]:
    """Run the rounds, those of the audiences side by side."""
    with ThreadPoolExecutor(len(AUDIENCES)) as threads:
        return [case for cases in threads.map(partial(_run, rig), AUDIENCES) for case in cases]


def _run(rig: Rig, audience: Audience) -> list[Case]:
    plans: Plans[str] = Plans()
    proxy = rig.stack.proxy.another()
    context = rig.stack.authority.server_context(arm.HOST)
    app = arm.resource_manager_app(rig.stack.resource_manager)
    proxy.route(arm.HOST, rig.stack.servers.serve(app, context))
    rounds = list(_rounds(rig, audience, plans, proxy))
    cases = [case for each in rounds for case in each.cases]
    for case in {case.cell.stage: case for case in cases}.values():
        steps.prepare(rig, case)
    with _app(rig, plans, proxy, cases) as own:
        for each in rounds:
            _play(own, each)
    rig.take_over(own)
    return cases


def _play(own: Rig, each: Round) -> None:
    for case in each.cases:
        steps.move_on(case)
    heal = each.plant()
    with ThreadPoolExecutor(len(each.cases)) as threads:
        acts = [threads.submit(steps.ACT[case.trigger], own, case) for case in each.cases]
    heal()
    for act, case in zip(acts, each.cases, strict=True):
        act.result()
        steps.settle(own, case)


def _rounds(rig: Rig, audience: Audience, plans: Plans[str], proxy: Proxy) -> Iterator[Round]:
    """Yield a round for each fault.

    An AKS cluster is asked for once, and so each has its own; a pass that goes well asks for all,
    and so it is the last.
    """

    def cells() -> dict[Trigger, Cell]:
        return {each: Cell(rig.stack, Cell.new_stage(), way=audience.way) for each in _TRIGGERS}

    def cases(call: Call, fault: str) -> list[Case]:
        there = cells() if audience.way is Way.AKS else usual
        return [Case(call, fault, each, cell) for each, cell in there.items()]

    def fits(asked: str) -> bool:
        return asked.rstrip("/") == audience.resource

    usual = {} if audience.way is Way.AKS else cells()
    if audience.way is Way.AKS:
        for name in OF_CONNECTIONS:
            yield Round(partial(_close_arm, rig, proxy, name), cases(AKS, name))
    for name, fault in sorted(BY_SERVER.items(), key=lambda named: named[0] == "slow"):
        yield Round(partial(plans.plan, fault, None, fits), cases(audience.call, name))


def _close_arm(rig: Rig, proxy: Proxy, fault: str) -> Healing:
    """Let nobody come to Azure Resource Manager by that proxy, nor stay."""
    port, servers, authority = proxy.port(arm.HOST), rig.stack.servers, rig.stack.authority
    app = partial(arm.resource_manager_app, rig.stack.resource_manager)
    servers.stop(port)
    servers.serve(app(), authority.server_context(arm.HOST, expired=fault == EXPIRED), port)
    proxy.route(arm.HOST, port, lambda _: fault != NO_HOST)

    def heal() -> None:
        servers.stop(port)
        servers.serve(app(), authority.server_context(arm.HOST), port)
        proxy.route(arm.HOST, port)

    return heal


@contextmanager
def _app(rig: Rig, plans: Plans[str], proxy: Proxy, cases: Sequence[Case]) -> Iterator[Rig]:
    """Start an app for all triggers, with a token endpoint and a proxy of its own."""
    stack, first = rig.stack, cases[0].cell
    tokens = stack.servers.serve(identity_app(stack.identity, plans, told_lifetime=0))
    way = f"http://{LOOPBACK}:{stack.servers.listen(proxy.handle)}"
    of_their_own = {case.cell.stage: rig.cluster(case) for case in cases}.values()
    clusters = {"SYNC_CLUSTERS": json.dumps(list(of_their_own))}
    known = {case.cell.name for case in cases if case.trigger is Trigger.TIMER}
    environment = stack.app_environment(
        sorted(known),
        **({} if first.way is Way.USUAL else clusters),
        **stack.identity.environment(tokens),
        **THREADS,
        HTTPS_PROXY=way,
        https_proxy=way,
    )
    log = stack.folder / f"{first.stage}.log"
    with HostProcess(ROOT, environment, log, timer=False) as host:
        yield rig.of(host)
