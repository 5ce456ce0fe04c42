"""Runs the cases of the search for vaults: an app each, since one that failed is not soon repeated.

The app knows its vault besides, which is served whatever becomes of the search.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from local.host_process import HostProcess
from local.stack import ROOT
from tests.functional.faults import steps
from tests.functional.faults.calls import Call, nowhere
from tests.functional.faults.case import Case
from tests.functional.faults.cell import Cell, Trigger
from tests.functional.faults.rig import THREADS, Rig
from tests.functional.faults.vocabulary import BY_SERVER

SEARCH = Call(
    "search for vaults",
    "arm",
    nowhere,
    frozenset({Trigger.TIMER, Trigger.RESYNC, Trigger.STATUS}),
    about="discovery",
)
_AT_ONCE = 4


def run(rig: Rig) -> list[Case]:
    """Run each fault, a few at once."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return [case for cases in threads.map(partial(_run, rig), BY_SERVER) for case in cases]


def _run(rig: Rig, fault: str) -> list[Case]:
    """Search a subscription of the fault's own, by an operator's call and by the timer."""
    subscription, manager = str(uuid.uuid4()), rig.stack.resource_manager
    cell = Cell(rig.stack, Cell.new_stage())
    cases = [Case(SEARCH, fault, each, cell) for each in (Trigger.RESYNC, Trigger.TIMER)]
    steps.prepare(rig, cases[0])
    manager.show_vault(
        f"/subscriptions/{subscription}/resourceGroups/rg"
        f"/providers/Microsoft.KeyVault/vaults/other-{cell.stage}"
    )
    environment = rig.stack.app_environment(
        [cell.name],
        SYNC_DISCOVERY="resource-graph",
        SYNC_SUBSCRIPTIONS=subscription,
        **THREADS,
    )
    log = rig.stack.folder / f"search-{cell.stage}.log"
    with HostProcess(ROOT, environment, log, timer=False) as host:
        own = rig.of(host)
        heal = manager.plan(BY_SERVER[fault], None, subscription)
        for case in cases:
            steps.move_on(case)
            steps.ACT[case.trigger](own, case)
            if case.trigger is Trigger.RESYNC:
                steps.status(own, case)
        heal()
        for case in cases:
            steps.settle(own, case)
    rig.take_over(own)
    return cases
