"""Runs the cases of names that no name server knows, in an app that goes to them by no proxy."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from local.host_process import HostProcess
from local.kubernetes import kubeconfig
from local.serving import LOOPBACK
from local.stack import ROOT
from tests.functional.faults import steps
from tests.functional.faults.calls import CALLS
from tests.functional.faults.case import Case
from tests.functional.faults.cell import Cell, Trigger
from tests.functional.faults.rig import THREADS, Rig, usual_cluster
from tests.functional.faults.vocabulary import NO_NAME
from tests.leaks.dye import value

_TLD = "invalid"
"""Under which no name is, https://www.rfc-editor.org/rfc/rfc6761#section-6.4."""


def run(rig: Rig) -> list[Case]:
    """Run a case of each trigger for the first call to a vault, and to a cluster.

    The names stay what they are, and so another app, which has others, finds all well again.
    """
    cases = [
        Case(call, NO_NAME, trigger, Cell(rig.stack, Cell.new_stage()))
        for call in CALLS
        if call.connects
        for trigger in steps.ACT
    ]
    for case in cases:
        steps.prepare(rig, case)
        steps.move_on(case)
    with _app(rig, cases) as own:
        for case in cases:
            steps.ACT[case.trigger](own, case)
            if case.trigger is Trigger.RESYNC:
                steps.status(own, case)
    rig.take_over(own)
    for case in cases:
        steps.settle(rig, case)
    return cases


@contextmanager
def _app(rig: Rig, cases: Sequence[Case]) -> Iterator[Rig]:
    """Start an app whose vaults have no address, and some of whose clusters have none either."""
    nowhere = [_cluster(rig, case) for case in cases if case.call.server == "cluster"]
    direct = f"{LOOPBACK},localhost,.{_TLD}"
    environment = rig.stack.app_environment(
        [case.cell.name for case in cases if case.trigger is Trigger.TIMER],
        SYNC_CLUSTERS=json.dumps([*nowhere, usual_cluster(rig.stack)]),
        SYNC_VAULT_DNS_SUFFIX=f"vault.{_TLD}",
        NO_PROXY=direct,
        no_proxy=direct,
        **THREADS,
    )
    with HostProcess(ROOT, environment, rig.stack.folder / "names.log", timer=False) as host:
        yield rig.of(host)


def _cluster(rig: Rig, case: Case) -> dict[str, object]:
    stage = case.cell.stage
    document = kubeconfig(f"https://{stage}.{_TLD}", rig.stack.authority.pem, value())
    return {"name": stage, "match": {"stage": stage}, "kubeconfig": document}
