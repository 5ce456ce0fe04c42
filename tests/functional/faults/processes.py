"""Runs the cases of what a whole process shares, each in an app of its own.

These are the token endpoint, the names of servers, and the search for vaults, which one that failed
does not soon repeat.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from local import arm
from local.api_server import AKS_AUDIENCE
from local.faults import Healing, Plans
from local.identity import identity_app
from local.kubernetes import kubeconfig
from local.proxy import Proxy
from local.serving import LOOPBACK
from local.stack import KEY_VAULT
from tests.functional.faults import steps
from tests.functional.faults.calls import AKS, CALLS, WRITES, Call, nowhere
from tests.functional.faults.case import Case
from tests.functional.faults.cell import Cell, Trigger, Way
from tests.functional.faults.rig import Rig, usual_cluster
from tests.functional.faults.vocabulary import BY_SERVER, EXPIRED, NO_HOST, NO_NAME, OF_CONNECTIONS
from tests.leaks.dye import value

_TLD = "invalid"
"""Under which no name is, https://www.rfc-editor.org/rfc/rfc6761#section-6.4."""

_SEARCHES_AT_ONCE = 4

SEARCH = Call(
    "search for vaults",
    "arm",
    nowhere,
    frozenset({Trigger.TIMER, Trigger.RESYNC, Trigger.STATUS}),
    about="discovery",
)


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


def tokens(rig: Rig) -> list[Case]:
    """Run a round for each fault of the token endpoint, the audiences side by side."""
    with ThreadPoolExecutor(len(AUDIENCES)) as threads:
        return [case for cases in threads.map(partial(_audience, rig), AUDIENCES) for case in cases]


def _audience(rig: Rig, audience: Audience) -> list[Case]:
    """Run its rounds in an app that has a token endpoint and a proxy of its own."""
    stack, plans, proxy = rig.stack, Plans[str](), rig.stack.proxy.another()
    context = stack.authority.server_context(arm.HOST)
    manager = arm.resource_manager_app(stack.resource_manager)
    proxy.route(arm.HOST, stack.servers.serve(manager, context))
    rounds = list(_rounds(rig, audience, plans, proxy))
    cases = {case.cell.stage: case for each in rounds for case in each.cases}
    for case in cases.values():
        steps.prepare(rig, case)
    endpoint = stack.servers.serve(identity_app(stack.identity, plans, told_lifetime=0))
    way = f"http://{LOOPBACK}:{stack.servers.listen(proxy.handle)}"
    settings = {**stack.identity.environment(endpoint), "HTTPS_PROXY": way, "https_proxy": way}
    if audience.way is not Way.USUAL:
        clusters = [rig.cluster(case) for case in cases.values()]
        settings["SYNC_CLUSTERS"] = json.dumps(clusters)
    known = [case.cell.name for case in cases.values() if case.trigger is Trigger.TIMER]
    with rig.start(f"tokens-{audience.way}", known, **settings) as app:
        for each in rounds:
            _play(rig.of(app), each)
    return [case for each in rounds for case in each.cases]


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
        return {each: Cell.of(rig.stack, way=audience.way) for each in steps.ACT}

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

    def reopen(*, broken: bool) -> None:
        servers.stop(port)
        app = arm.resource_manager_app(rig.stack.resource_manager)
        context = authority.server_context(arm.HOST, expired=broken and fault == EXPIRED)
        servers.serve(app, context, port)
        proxy.route(arm.HOST, port, lambda _: not (broken and fault == NO_HOST))

    reopen(broken=True)
    return partial(reopen, broken=False)


def names(rig: Rig) -> list[Case]:
    """Run a case of each trigger for the first call to a vault, and to a cluster.

    No name server knows their names, and the app goes to them by no proxy. The names stay what they
    are, and so another app, which has others, finds all well again.
    """
    cases = [
        Case(call, NO_NAME, trigger, Cell.of(rig.stack))
        for call in CALLS
        if call.connects
        for trigger in steps.ACT
    ]
    for case in cases:
        steps.prepare(rig, case)
        steps.move_on(case)
    unnamed = [_unnamed(rig, case.cell.stage) for case in cases if case.call.server == "cluster"]
    direct = f"{LOOPBACK},localhost,.{_TLD}"
    settings = {
        "SYNC_CLUSTERS": json.dumps([*unnamed, usual_cluster(rig.stack)]),
        "SYNC_VAULT_DNS_SUFFIX": f"vault.{_TLD}",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    known = [case.cell.name for case in cases if case.trigger is Trigger.TIMER]
    with rig.start("names", known, **settings) as app:
        own = rig.of(app)
        for case in cases:
            steps.ACT[case.trigger](own, case)
            if case.trigger is Trigger.RESYNC:
                steps.status(own, case)
    for case in cases:
        steps.settle(rig, case)
    return cases


def _unnamed(rig: Rig, stage: str) -> dict[str, object]:
    document = kubeconfig(f"https://{stage}.{_TLD}", rig.stack.authority.pem, value())
    return {"name": stage, "match": {"stage": stage}, "kubeconfig": document}


def searches(rig: Rig) -> list[Case]:
    """Run each fault of the search for vaults, a few at once.

    The app knows its vault besides, which is served whatever becomes of the search.
    """
    with ThreadPoolExecutor(_SEARCHES_AT_ONCE) as threads:
        return [case for cases in threads.map(partial(_search, rig), BY_SERVER) for case in cases]


def _search(rig: Rig, fault: str) -> list[Case]:
    """Search a subscription of the fault's own, by an operator's call and by the timer."""
    subscription, manager = str(uuid.uuid4()), rig.stack.resource_manager
    cell = Cell.of(rig.stack)
    cases = [Case(SEARCH, fault, each, cell) for each in (Trigger.RESYNC, Trigger.TIMER)]
    steps.prepare(rig, cases[0])
    manager.show_vault(
        f"/subscriptions/{subscription}/resourceGroups/rg"
        f"/providers/Microsoft.KeyVault/vaults/other-{cell.stage}"
    )
    settings = {"SYNC_DISCOVERY": "resource-graph", "SYNC_SUBSCRIPTIONS": subscription}
    with rig.start(f"search-{cell.stage}", [cell.name], **settings) as app:
        own = rig.of(app)
        heal = manager.plan(BY_SERVER[fault], None, subscription)
        for case in cases:
            steps.move_on(case)
            steps.ACT[case.trigger](own, case)
            if case.trigger is Trigger.RESYNC:
                steps.status(own, case)
        heal()
        for case in cases:
            steps.settle(own, case)
    return cases
