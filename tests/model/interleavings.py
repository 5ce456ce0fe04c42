"""Small scenarios of which every order of their remote calls is walked, not some at random."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.kit.schedules import schedules
from tests.model.cold_instance import ColdInstance
from tests.model.killers import MOVED_BACK, ORDERS
from tests.model.steps import Edit, History, Remove, Retag, Run, Set, Step, Tick, Together


@dataclass(frozen=True, slots=True)
class Scenario:
    """What comes first, one thing after the other, and what then happens at once.

    With `preemptions` only the orders of no more than so many: all are too many where each of two
    reconciles makes a dozen calls.
    """

    first: tuple[Step, ...]
    at_once: tuple[Step, ...]
    preemptions: int | None = None

    def walk(self) -> int:
        """Let it happen in every order there is; return how many. Raises Broken."""
        orders = 0
        for schedule in schedules(self.preemptions):
            history = History(1)
            for step in self.first:
                history.take(step)
            Together(self.at_once).scheduled(history, schedule)
            history.finish()
            orders += 1
        return orders


_KNOWN = (Set(0, "a"), Run(event=0), Tick(1), Set(0, "a"))

SMALL: Mapping[str, Scenario | ColdInstance] = {
    "event-and-foreign-edit": Scenario(_KNOWN, (Run(event=1), Edit(0, "", "a"), Set(0, "a"))),
    "created-by-two": Scenario((Set(0, "a"),), (Run(event=0), Remove(0, ""), Set(0, "a"))),
    "cold-instance-by-event": ColdInstance(event=True),
}
"""Few enough orders for every run of the tests."""

LARGE: Mapping[str, Scenario | ColdInstance] = {
    "two-events": Scenario(_KNOWN, (Run(event=1), Run(event=1), Set(0, "a"))),
    "event-and-pass": Scenario(_KNOWN, (Run(event=1), Run(), Set(0, "a"))),
    "pass-and-refetch": Scenario((Set(0, "a"),), (Run(), Run(refetch=True), Set(0, "a"))),
    "moved-back-meanwhile": Scenario(
        MOVED_BACK[:-1], (Run(), Run(), Retag(0, "a", (*ORDERS, ("k8s-key", "K")))), preemptions=3
    ),
    "cold-instance-by-resync": ColdInstance(),
    "moved-meanwhile": Scenario(_KNOWN, (Run(), Retag(0, "a", ORDERS), Set(0, "b"))),
}
"""Those for `make prove`."""
