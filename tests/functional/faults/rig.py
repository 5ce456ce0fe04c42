"""What the cases run on: the servers, an app for each trigger, and the faults let in between."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.api_server import AKS_AUDIENCE
from local.faults import Healing
from local.host_process import HostProcess
from local.key_vault import key_vault_app
from local.kubernetes import kubeconfig, kubernetes_app
from local.serving import LOOPBACK
from local.stack import APP_USER, ROOT, Stack
from tests.functional.clusters import started_stack
from tests.functional.faults.case import Case
from tests.functional.faults.cell import Cell, Trigger, Way
from tests.functional.faults.vocabulary import BY_SERVER, NO_HOST
from tests.kit.app import App, values_told
from tests.leaks.dye import value

_TIMERS = 3


@dataclass(slots=True)
class Rig:
    """The stack, an app for each trigger, the apps of the timer, and those that had their time.

    `expired_port` has every vault, by a certificate that is out of date.
    """

    stack: Stack
    expired_port: int
    apps: dict[Trigger, App] = field(default_factory=dict)
    timers: list[App] = field(default_factory=list)
    former: list[App] = field(default_factory=list)

    @contextmanager
    def start(self, log: str, vaults: Iterable[str] = (), **settings: str) -> Iterator[App]:
        """Start an app that knows these vaults."""
        environment = self.stack.app_environment([*vaults], **settings)
        path = self.stack.folder / f"{log}.log"
        with HostProcess(ROOT, environment, path, timer=False) as host:
            app = App(host)
            yield app
        self.former.append(app)

    def of(self, app: App) -> "Rig":
        """Return a rig on the same servers whose triggers are all of that app."""
        return Rig(self.stack, self.expired_port, dict.fromkeys(Trigger, app))

    def leaks(self, cells: Iterable[Cell]) -> list[str]:
        """Return where a value was told: answers, logs, and the cells' Secrets but for data."""
        apps = [*self.apps.values(), *self.timers, *self.former]
        return values_told((app.told() for app in apps), cells)

    def plant(self, case: Case) -> Healing:
        """Let the case's fault begin; return what ends it."""
        requests = 1 if case.once else None
        if case.fault in case.call.another:
            return case.call.plant(case.cell, case.call.another[case.fault](case.cell), requests)
        if case.fault in BY_SERVER:
            return case.call.plant(case.cell, BY_SERVER[case.fault], requests)
        if case.call.server == "cluster":
            self._door(case, broken=True)
            return lambda: self._door(case, broken=False)
        proxy, host = self.stack.proxy, case.cell.vault.url.removeprefix("https://")
        if case.fault == NO_HOST:
            proxy.route(host, 0, lambda _: False)
        else:
            proxy.route(host, self.expired_port)
        return lambda: proxy.unroute(host)

    def cluster(self, case: Case) -> Mapping[str, object]:
        """Return a cluster of the case's own for SYNC_CLUSTERS; they all are the same one."""
        stack, cell = self.stack, case.cell
        url = f"https://{LOOPBACK}:{stack.cluster_port}"
        authority, token = stack.authority.pem, value()
        stack.cluster.add_token(token, APP_USER)
        entry: dict[str, object] = {"name": cell.stage, "match": {"stage": cell.stage}}
        match cell.way:
            case Way.AKS:
                stack.resource_manager.put_cluster(cell.aks, url, authority)
                return {**entry, "aks": cell.aks}
            case Way.ENTRA:
                return {**entry, "server": url, "ca": authority.decode()}
            case Way.KEPT_KUBECONFIG:
                cell.keeper.set_secret("kept", kubeconfig(url, authority, token))
                return {**entry, "kubeconfig_secret": f"{cell.keeper.name}/kept"}
            case Way.KEPT_TOKEN:
                cell.keeper.set_secret("kept", token)
                login = {"token_secret": f"{cell.keeper.name}/kept"}
                return {**entry, "server": url, "ca": authority.decode(), **login}
            case _:
                host = _host(case)
                context = stack.authority.server_context(host)
                case.door = stack.servers.serve(kubernetes_app(stack.cluster), context)
                stack.proxy.route(host, case.door)
                at = f"https://{host}" + (f":{case.door}" if host == LOOPBACK else "")
                return {**entry, "kubeconfig": kubeconfig(at, authority, token)}

    def _door(self, case: Case, *, broken: bool) -> None:
        """Let nobody come in by the case's own door, or open it again."""
        if case.fault == NO_HOST:
            self.stack.proxy.route(_host(case), case.door, lambda _: not broken)
            return
        self.stack.servers.stop(case.door)
        context = self.stack.authority.server_context(LOOPBACK, expired=broken)
        self.stack.servers.serve(kubernetes_app(self.stack.cluster), context, case.door)


def usual_cluster(stack: Stack) -> Mapping[str, object]:
    """Return the entry for SYNC_CLUSTERS of what has no other one."""
    return {"name": "usual", "kubeconfig": str(stack.app_kubeconfig)}


def _host(case: Case) -> str:
    return f"{case.cell.stage}.example.com" if case.fault == NO_HOST else LOOPBACK


@contextmanager
def servers(folder: Path) -> Iterator[Rig]:
    """Start all but the apps."""
    stacks: list[Stack] = []

    def identify(token: str) -> str | None:
        return APP_USER if stacks[0].identity.valid(token, AKS_AUDIENCE) else None

    with started_stack(folder, identify) as stack:
        stacks.append(stack)
        context = stack.authority.server_context("*.vault.azure.net", expired=True)
        yield Rig(stack, stack.servers.serve(key_vault_app(stack.vaults), context))


def timed(cases: Sequence[Case]) -> list[Sequence[Case]]:
    """Return the timer's cases in groups, for an app each.

    In one pass they would take so long that a busy machine ends it before its last vaults.
    """
    of_the_timer = [case for case in cases if case.trigger is Trigger.TIMER]
    return [of_the_timer[number::_TIMERS] for number in range(_TIMERS)]


@contextmanager
def apps(rig: Rig, cases: Sequence[Case]) -> Iterator[None]:
    """Start an app for each trigger; all know every cluster, and the first two their own vaults."""
    own = [rig.cluster(case) for case in cases if case.cell.way is not Way.USUAL]
    setting = json.dumps([*own, usual_cluster(rig.stack)])

    def start(log: str, known: Sequence[Case] = ()) -> App:
        vaults = [case.cell.name for case in known]
        return running.enter_context(rig.start(log, vaults, SYNC_CLUSTERS=setting))

    with ExitStack() as running:
        rig.timers = [start(f"timer-{number}", each) for number, each in enumerate(timed(cases))]
        events = [case for case in cases if case.trigger is Trigger.EVENT]
        rig.apps = {Trigger.EVENT: start(Trigger.EVENT, events)}
        rig.apps[Trigger.RESYNC] = start(Trigger.RESYNC)
        rig.apps[Trigger.TIMER] = rig.timers[0]
        yield
