"""The state machine: Hypothesis draws histories, and prints one that breaks a rule as its code."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.actors import Fate
from tests.model.steps import (
    CreateNamespace,
    DeleteNamespace,
    Deliver,
    Edit,
    History,
    Mark,
    Outage,
    Overlay,
    Quirk,
    Remove,
    Restore,
    Retag,
    Run,
    Set,
    Step,
    Sweep,
    Switch,
    Tags,
    Tick,
    Together,
    Turn,
)
from tests.model.values import Shape
from tests.model.world import PLACED, Broken

TAGS: tuple[Tags, ...] = (
    (),
    (("k8s-key", "K"),),
    (("k8s-key", "b"),),
    (("k8s-secret", "orders"),),
    (("k8s-secret", "orders"), ("k8s-key", "K")),
    (("k8s-label-team", "shop"),),
    (("k8s-secret", "orders"), ("k8s-label-team", "shop")),
    (("k8s-restart", "false"),),
    (("k8s-secret", "orders"), ("k8s-restart", "false")),
    (("k8s-sync", "false"),),
    (("k8s-sync", "true"),),
    (("team", "shop"),),
    (("k8s-ky", "K"),),
    (("k8s-sync", "no"),),
    (("k8s-label-owner", "shop"),),
    (("k8s-secret", "keyvault-2"),),
    (("k8s-secret", "closed"),),
)
"""Tags for any value, wrong ones at the end."""

SHAPED: dict[Shape, tuple[Tags, ...]] = {
    Shape.PLAIN: TAGS,
    Shape.JSON: (
        (("k8s-expand", "json"),),
        (("k8s-expand", "json"), ("k8s-key", "K")),
        (("k8s-expand", "json"), ("k8s-secret", "orders")),
    ),
    Shape.LOGIN: ((("k8s-type", "basic-auth"),),),
    Shape.CERTIFICATE: (
        (),
        (("k8s-type", "tls"),),
        (("k8s-expand", "certificate"),),
    ),
}

_vaults = st.sampled_from([0, 0, 0, 1, 2])
_names = st.sampled_from(["a", "b", "c"])
_words = st.sampled_from(["", "", "", "orders", "a"])
_keys = st.sampled_from(["a", "b", "K", "A", "foreign-1"])
_waits = st.sampled_from([0, 0, 0, 0, 5, 70, 10_000])
_events = st.integers(-4, -1)
_all_tags = st.sampled_from(sorted({tags for each in SHAPED.values() for tags in each}))
_fates = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(Fate)), max_size=2, unique_by=lambda each: each[0]
).map(tuple)

runs = st.one_of(
    st.builds(Run, vault=_vaults, event=_events, fates=_fates),
    st.builds(Run, vault=_vaults, fates=_fates),
    st.builds(Run, vault=_vaults, secret=_names, fates=_fates),
    st.builds(
        Run,
        vault=_vaults,
        removals=st.booleans(),
        takeover=st.booleans(),
        refetch=st.booleans(),
        fates=_fates,
    ),
    st.builds(Run, vault=_vaults, dry_run=st.just(value=True), fates=_fates),
)
sets = st.sampled_from([Shape.PLAIN, Shape.PLAIN, *Shape]).flatmap(
    lambda shape: st.builds(
        Set, _vaults, _names, st.just(shape), st.sampled_from([*SHAPED[shape], ()]), _waits
    )
)
retags = st.builds(Retag, _vaults, _names, _all_tags)
turns = st.builds(
    Turn, _vaults, _names, st.sampled_from(["disable", "enable", "delete", "recover", "respell"])
)
foreign = st.one_of(
    st.builds(Edit, _vaults, _words, _keys, st.booleans()),
    st.builds(Overlay, _vaults, _words, _keys),
    st.builds(
        Mark, _vaults, _words, st.sampled_from(["mark", "link", "claim", "release", "state"])
    ),
    st.builds(Remove, _vaults, _words, st.booleans()),
    st.builds(
        Restore,
        _vaults,
        _words,
        st.sampled_from(["velero-server", "kubectl-create"]),
        st.sampled_from(["lost", "none", "kept"]),
        st.integers(-3, -1),
    ),
)
namespaces = st.sampled_from(["shop-dev", "till-dev"])
troubles = st.one_of(
    st.builds(Outage, st.sampled_from([None, 0, 1, 2]), st.booleans()),
    st.builds(DeleteNamespace, namespaces),
    st.builds(CreateNamespace, namespaces),
    st.builds(Switch, st.booleans()),
)
ticks = st.builds(Tick, st.sampled_from([0.4, 1.0, 4.0, 70.0]))
_choices = st.lists(st.integers(0, 2), min_size=16, max_size=16).map(tuple)
together = st.builds(
    Together,
    st.lists(st.one_of(runs, runs, sets, retags, turns, foreign), min_size=2, max_size=3).map(
        tuple
    ),
    _choices,
)
_racing = st.one_of(
    st.builds(Run, event=st.integers(-2, -1)),
    st.builds(Run),
    st.builds(Run, secret=st.just("a")),
    st.builds(Run, event=_events, fates=_fates),
    st.builds(Run, fates=_fates),
)
_meanwhile = st.one_of(
    st.builds(Set, st.just(0), st.just("a"), tags=st.sampled_from(TAGS[:5])),
    st.builds(Edit, st.just(0), st.just(""), st.sampled_from(["a", "foreign-1"])),
    st.builds(Remove, st.just(0), st.just(""), st.booleans()),
    st.builds(Turn, st.just(0), st.just("a"), st.sampled_from(["delete", "disable", "enable"])),
)
races = st.builds(Together, st.tuples(_racing, _racing, _meanwhile), _choices)
"""Two instances and a change, all of one secret."""


@dataclass(slots=True)
class Explored:
    """What was run, and the last history with what broke in it."""

    histories: int = 0
    calls: int = 0
    vaults: int = 1
    placed: bool = False
    """Whether all histories are of one vault with several targets."""
    steps: list[Step] = field(default_factory=list)
    broken: Broken | None = None


_EXPLORED = [Explored()]
"""Of the exploration of the moment: Hypothesis makes the machines itself."""


class Machine(RuleBasedStateMachine):
    """Histories of the real app over the emulators."""

    history: History

    def __init__(self) -> None:
        super().__init__()
        self.vaults = 1
        self.steps: list[Step] = []

    @initialize(
        vaults=st.sampled_from([1, 1, 1, 1, 1, 2, 3, PLACED]),
        quirk=st.booleans(),
        known=st.lists(sets, max_size=2),
    )
    def begin(self, vaults: int, *, quirk: bool, known: list[Step]) -> None:
        """Make so many vaults, and bring a first secret in."""
        self.vaults = PLACED if _EXPLORED[0].placed else vaults
        self.history = History(self.vaults)
        if quirk:
            self._take(Quirk(0))
        for step in (Set(0, "a"), *known, Run(0)):
            self._take(step)

    @rule(step=sets)
    def set(self, step: Step) -> None:
        """Set a new version."""
        self._take(step)

    @rule(step=st.one_of(retags, turns))
    def change(self, step: Step) -> None:
        """Change what is in a vault."""
        self._take(step)

    @rule(step=st.builds(Deliver, _events))
    def deliver(self, step: Step) -> None:
        """Let an event come, for the first time or again."""
        self._take(step)

    @rule(step=runs)
    def run(self, step: Step) -> None:
        """Reconcile with whatever befalls the calls."""
        self._take(step)

    @rule()
    def sweep(self) -> None:
        """Let the timer fire."""
        self._take(Sweep())

    @rule(step=foreign)
    def disturb(self, step: Step) -> None:
        """Let somebody else write to the cluster."""
        self._take(step)

    @rule(step=troubles)
    def trouble(self, step: Step) -> None:
        """Let something be down, or gone, or be back."""
        self._take(step)

    @rule(step=ticks)
    def tick(self, step: Step) -> None:
        """Let time pass."""
        self._take(step)

    @rule(step=races)
    def race(self, step: Step) -> None:
        """Let two instances and a change of the same secret race."""
        self._take(step)

    @rule(step=together)
    def together(self, step: Step) -> None:
        """Let several things happen at once."""
        self._take(step)

    def teardown(self) -> None:
        """Heal the world and see that all agrees."""
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
            explored.vaults = self.vaults
            raise


def explore(
    histories: int,
    steps: int = 10,
    *,
    shrink: bool = True,
    seed: int | None = None,
    placed: bool = False,
) -> Explored:
    """Run so many histories, or up to the first that breaks a rule, made as small as it can be.

    Without a seed they are the same each time, as long as the machine is. `placed` histories are
    all of one vault with several targets.
    """
    explored = _EXPLORED[0] = Explored(placed=placed)
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
