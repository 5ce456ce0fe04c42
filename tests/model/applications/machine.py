"""The state machine of the applications' histories."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.actors import Fate
from tests.model.applications.objects import KINDS, SECRETS
from tests.model.applications.steps import (
    INSTANCES,
    ApplicationHistory,
    Declare,
    Erase,
    Meddle,
    Pass,
    Unserved,
)
from tests.model.exploring import Explored, HistoryMachine, explore_with
from tests.model.steps import Mark, Remove, Retag, Run, Set, Step, Tags, Tick, Together, Turn
from tests.model.values import Shape

TAGS: tuple[Tags, ...] = ((), (), (), (("k8s-sync", "false"),))
_FATES = sorted({*Fate} - {Fate.LAG}, key=lambda each: each.name)
"""How replicas lag is of the vaults' own histories."""

_TRUE = st.just(value=True)
_names = st.sampled_from(["a", "b", "c"])
_applications = st.sampled_from([SECRETS[0], *SECRETS])
_kinds = st.sampled_from([*KINDS, next(iter(KINDS))])
_fates = st.lists(
    st.tuples(st.integers(0, 24), st.sampled_from([*_FATES, Fate.KILL, Fate.KILL_AFTER])),
    max_size=2,
    unique_by=lambda each: each[0],
).map(tuple)
_shapes = st.sampled_from([Shape.PLAIN, Shape.PLAIN, Shape.JSON])
_values = st.one_of(
    st.builds(Set, st.just(0), _names, _shapes),
    st.builds(Set, st.just(0), _names, _shapes, st.sampled_from(TAGS)),
    st.builds(Retag, st.just(0), _names, st.sampled_from(TAGS)),
    st.builds(
        Turn, st.just(0), _names, st.sampled_from(["disable", "enable", "delete", "recover"])
    ),
)
_lists = st.lists(_names, max_size=3, unique=True).map(tuple)
_declarations = st.builds(Declare, _applications, _lists, _kinds)
_deletions = st.builds(
    Erase, _applications, _kinds, st.sampled_from(["at once", "at once", "held", "end"])
)
_objects = st.one_of(_declarations, _declarations, _deletions)
_disturbances = st.one_of(
    st.builds(
        Meddle,
        _applications,
        st.sampled_from(["edit", "unset", "state", "delete", "anew"]),
        st.sampled_from(["A", "B"]),
    ),
    st.builds(Remove, st.just(0), st.just("")),
    st.builds(Mark, st.just(0), st.just(""), st.just("state")),
    st.builds(Unserved, st.sampled_from([403, 404, 0, 0]), _kinds),
)


def _passes_of(instances: st.SearchStrategy[int]) -> st.SearchStrategy[Pass]:
    return st.one_of(
        st.builds(Pass, fates=_fates, instance=instances),
        st.builds(Pass, instance=instances),
        st.builds(Pass, instance=instances, late=_TRUE),
        st.builds(Pass, instance=instances, removals=_TRUE),
        st.builds(Pass, event=st.integers(-3, -1), fates=_fates, instance=instances),
    )


_passes = _passes_of(st.integers(0, INSTANCES - 1))
_first, _second, _third = (_passes_of(st.just(number)) for number in range(INSTANCES))
"""One thread an instance: its threads wait for each other's lists, which no scheduler sees."""

_ticks = st.builds(Tick, st.sampled_from([0.4, 1.0, 11.0, 70.0, 700.0]))
_together = st.builds(
    Together,
    st.tuples(_first, _second, st.one_of(_values, _objects, _disturbances, _third)),
    st.lists(st.integers(0, 2), min_size=40, max_size=40).map(tuple),
)


class Machine(HistoryMachine):
    """Histories of objects that list vault secrets, and of the Secrets that the real app writes."""

    def __init__(self) -> None:
        super().__init__()
        self.history = ApplicationHistory()

    @initialize(names=_lists, kind=_kinds)
    def begin(self, names: tuple[str, ...], kind: str) -> None:
        """Bring an application in."""
        for step in (Set(0, "a"), Declare(SECRETS[0], names, kind), Pass(), Tick(10)):
            self.take(step)

    @rule(step=_values)
    def change(self, step: Step) -> None:
        """Change what is in the vault."""
        self.take(step)

    @rule(step=_objects)
    def declare(self, step: Step) -> None:
        """Make, change or delete an object."""
        self.take(step)

    @rule(step=_passes)
    def reconcile(self, step: Run) -> None:
        """Let an instance do its pass."""
        self.take(step)

    @rule(step=_disturbances)
    def disturb(self, step: Step) -> None:
        """Let somebody else write to a Secret, or refuse the lists."""
        self.take(step)

    @rule(step=_ticks)
    def tick(self, step: Step) -> None:
        """Let time pass."""
        self.take(step)

    @rule(step=_together)
    def together(self, step: Step) -> None:
        """Let two instances and something else race."""
        self.take(step)


def explore(
    histories: int, steps: int = 12, *, shrink: bool = True, seed: int | None = None
) -> Explored:
    """Run histories of applications as `explore_with` does."""
    return explore_with(Machine, histories, steps, shrink=shrink, seed=seed)
