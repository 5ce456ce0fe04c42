"""The state machine of the readers' histories."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.actors import Fate
from tests.model.restarts.readers import KINDS, Form
from tests.model.restarts.steps import (
    Crash,
    Deploy,
    Forget,
    Hold,
    Look,
    Recreate,
    Release,
    RestartHistory,
    Scale,
    Undo,
)
from tests.model.steps import Edit, Mark, Remove, Retag, Run, Set, Step, Tags, Tick, Together, Turn
from tests.model.world import Broken

TAGS: tuple[Tags, ...] = (
    (),
    (),
    (("k8s-key", "K"),),
    (("k8s-restart", "false"),),
)
_names = st.sampled_from(["a", "a", "b"])
_readers = st.sampled_from(["w", "x"])
_fates = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from([*Fate, Fate.KILL, Fate.KILL_AFTER])),
    max_size=2,
    unique_by=lambda each: each[0],
).map(tuple)
_values = st.one_of(
    st.builds(Set, st.just(0), st.just("a")),
    st.builds(Set, st.just(0), _names, tags=st.sampled_from(TAGS)),
    st.builds(Retag, st.just(0), _names, st.sampled_from(TAGS)),
    st.builds(
        Turn, st.just(0), _names, st.sampled_from(["disable", "enable", "delete", "recover"])
    ),
)
_disturbances = st.one_of(
    st.builds(Edit, st.just(0), st.just(""), st.sampled_from(["a", "b"]), st.booleans()),
    st.builds(Remove, st.just(0), st.just("")),
    st.builds(Mark, st.just(0), st.just(""), st.just("state")),
)
_deploys = st.builds(
    Deploy,
    _readers,
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(Form),
    st.sampled_from(["true", "true", "env", "false", ""]),
)
_others = st.one_of(
    st.builds(Release, _readers),
    st.builds(Undo, _readers),
    st.builds(Forget, _readers, st.sampled_from(["lost", "older", "replaced"])),
    st.builds(Recreate, _readers),
    st.builds(Scale, _readers, st.sampled_from([0, 2])),
    st.builds(Crash, _readers),
    st.builds(Hold, _readers, st.booleans()),
)
_looks = st.one_of(
    st.builds(Look, fates=_fates),
    st.builds(Look),
    st.builds(Run, event=st.integers(-2, -1), fates=_fates),
)
_ticks = st.builds(Tick, st.sampled_from([0.4, 1.0, 6.0, 6.0, 70.0, 700.0]))
_together = st.builds(
    Together,
    st.tuples(_looks, st.builds(Look), st.one_of(_values, _disturbances, _others, _looks)),
    st.lists(st.integers(0, 2), min_size=24, max_size=24).map(tuple),
)


@dataclass(slots=True)
class Explored:
    """What was run, and the last history with what broke in it."""

    histories: int = 0
    calls: int = 0
    sees_pods: bool = True
    steps: list[Step] = field(default_factory=list)
    broken: Broken | None = None


_EXPLORED = [Explored()]
"""Of the exploration of the moment: Hypothesis makes the machines itself."""


class Machine(RuleBasedStateMachine):
    """Histories of workloads that read what the real app writes, and that it restarts."""

    history: RestartHistory

    def __init__(self) -> None:
        super().__init__()
        self.sees_pods = True
        self.steps: list[Step] = []

    @initialize(sees_pods=st.booleans(), first=_deploys)
    def begin(self, *, sees_pods: bool, first: Step) -> None:
        """Bring a first secret in, and make a workload."""
        self.sees_pods = sees_pods
        self.history = RestartHistory(sees_pods=sees_pods)
        for step in (Set(0, "a"), Look(), Tick(10), first):
            self._take(step)

    @rule(step=_values)
    def change(self, step: Step) -> None:
        """Change what is in the vault."""
        self._take(step)

    @rule(step=_looks)
    def look(self, step: Step) -> None:
        """Let an instance do its pass."""
        self._take(step)

    @rule(step=_disturbances)
    def disturb(self, step: Step) -> None:
        """Let somebody else write to the Secret."""
        self._take(step)

    @rule(step=_deploys)
    def deploy(self, step: Step) -> None:
        """Let somebody make a workload."""
        self._take(step)

    @rule(step=_others)
    def other(self, step: Step) -> None:
        """Let something happen to a workload."""
        self._take(step)

    @rule(step=_ticks)
    def tick(self, step: Step) -> None:
        """Let time pass."""
        self._take(step)

    @rule(step=_together)
    def together(self, step: Step) -> None:
        """Let two instances and a change race."""
        self._take(step)

    def teardown(self) -> None:
        """Let all be well, and see who was missed."""
        if not self.history.world.broken:
            self._try(self.history.finish)
        _EXPLORED[0].histories += 1
        _EXPLORED[0].calls += self.history.world.calls

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        self._try(lambda: self.history.take(step))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Broken as broken:
            explored = _EXPLORED[0]
            explored.broken, explored.steps = broken, self.steps
            explored.sees_pods = self.sees_pods
            raise


def explore(
    histories: int, steps: int = 12, *, shrink: bool = True, seed: int | None = None
) -> Explored:
    """Run so many histories, or up to the first that breaks a rule, made as small as it can be.

    Without a seed they are the same each time.
    """
    explored = _EXPLORED[0] = Explored()
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    with suppress(Broken), mock.patch("hypothesis.core.global_force_seed", seed):
        run_state_machine_as_test(
            Machine,
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
