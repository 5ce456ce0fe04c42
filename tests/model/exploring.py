"""Explores histories with Hypothesis: what is the same whatever the histories are of."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Protocol
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.model.steps import History, Step
from tests.model.world import Broken


@dataclass(slots=True)
class Explored:
    """What was run, and the last history with what broke in it.

    `arguments` are those with which the steps are repeated, as code.
    """

    histories: int = 0
    calls: int = 0
    steps: list[Step] = field(default_factory=list)
    arguments: str = ""
    broken: Broken | None = None


class Explore(Protocol):
    """Runs so many histories, or up to the first that breaks a rule."""

    def __call__(self, histories: int, *, shrink: bool = True, seed: int | None = None) -> Explored:
        """Run them; `shrink` makes the one that breaks a rule as small as it can be."""
        ...


class HistoryMachine(RuleBasedStateMachine):
    """A machine whose rules take steps of one history, which its `initialize` makes."""

    explored: ClassVar[list[Explored]] = []
    """That of the exploration of the moment: Hypothesis makes the machines itself."""

    history: History

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    @property
    def arguments(self) -> str:
        """Return the arguments with which the steps are repeated, as code."""
        return ""

    def teardown(self) -> None:
        """Let all be well, and see that all agrees."""
        if not self.history.world.broken:
            self._try(self.history.finish)
        self.explored[-1].histories += 1
        self.explored[-1].calls += self.history.world.calls

    def take(self, step: Step) -> None:
        """Take a step of the history; raises Broken."""
        self.steps.append(step)
        self._try(lambda: self.history.take(step))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Broken as broken:
            found = self.explored[-1]
            found.broken, found.steps, found.arguments = broken, self.steps, self.arguments
            raise


def explore_with(
    machine: type[HistoryMachine],
    histories: int,
    steps: int,
    *,
    shrink: bool = True,
    seed: int | None = None,
) -> Explored:
    """Run so many histories, or up to the first that breaks a rule, made as small as it can be.

    Without a seed they are the same each time, as long as the machine is.
    """
    explored = Explored()
    HistoryMachine.explored[:] = [explored]
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    with suppress(Broken), mock.patch("hypothesis.core.global_force_seed", seed):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                derandomize=seed is None,
                database=None,
                deadline=None,
                phases=phases,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return explored
