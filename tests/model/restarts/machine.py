"""The state machine of the readers' histories."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.actors import Fate
from tests.model.exploring import Explored, HistoryMachine, explore_with
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


class Machine(HistoryMachine):
    """Histories of workloads that read what the real app writes, and that it restarts."""

    history: RestartHistory

    def __init__(self) -> None:
        super().__init__()
        self.sees_pods = True

    @property
    def arguments(self) -> str:
        """Return whether the app may list pods."""
        return f", sees_pods={self.sees_pods}"

    @initialize(sees_pods=st.booleans(), first=_deploys)
    def begin(self, *, sees_pods: bool, first: Step) -> None:
        """Bring a first secret in, and make a workload."""
        self.sees_pods = sees_pods
        self.history = RestartHistory(sees_pods=sees_pods)
        for step in (Set(0, "a"), Look(), Tick(10), first):
            self.take(step)

    @rule(step=_values)
    def change(self, step: Step) -> None:
        """Change what is in the vault."""
        self.take(step)

    @rule(step=_looks)
    def look(self, step: Step) -> None:
        """Let an instance do its pass."""
        self.take(step)

    @rule(step=_disturbances)
    def disturb(self, step: Step) -> None:
        """Let somebody else write to the Secret."""
        self.take(step)

    @rule(step=_deploys)
    def deploy(self, step: Step) -> None:
        """Let somebody make a workload."""
        self.take(step)

    @rule(step=_others)
    def other(self, step: Step) -> None:
        """Let something happen to a workload."""
        self.take(step)

    @rule(step=_ticks)
    def tick(self, step: Step) -> None:
        """Let time pass."""
        self.take(step)

    @rule(step=_together)
    def together(self, step: Step) -> None:
        """Let two instances and a change race."""
        self.take(step)


def explore(
    histories: int, steps: int = 12, *, shrink: bool = True, seed: int | None = None
) -> Explored:
    """Run histories of workloads as `explore_with` does."""
    return explore_with(Machine, histories, steps, shrink=shrink, seed=seed)
