"""The state machine: Hypothesis draws histories, and prints one that breaks a rule as its code."""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.actors import Fate
from tests.model.exploring import Explored, HistoryMachine, explore_with
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
from tests.model.world import PLACED

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


class Machine(HistoryMachine):
    """Histories of the real app over the emulators."""

    placed: ClassVar[bool] = False
    """Whether all histories are of one vault with several targets."""

    def __init__(self) -> None:
        super().__init__()
        self.vaults = 1

    @property
    def arguments(self) -> str:
        """Return how many vaults there are."""
        return f", vaults={self.vaults}"

    @initialize(
        vaults=st.sampled_from([1, 1, 1, 1, 1, 2, 3, PLACED]),
        quirk=st.booleans(),
        known=st.lists(sets, max_size=2),
    )
    def begin(self, vaults: int, *, quirk: bool, known: list[Step]) -> None:
        """Make so many vaults, and bring a first secret in."""
        self.vaults = PLACED if self.placed else vaults
        self.history = History(self.vaults)
        if quirk:
            self.take(Quirk(0))
        for step in (Set(0, "a"), *known, Run(0)):
            self.take(step)

    @rule(step=sets)
    def set(self, step: Step) -> None:
        """Set a new version."""
        self.take(step)

    @rule(step=st.one_of(retags, turns))
    def change(self, step: Step) -> None:
        """Change what is in a vault."""
        self.take(step)

    @rule(step=st.builds(Deliver, _events))
    def deliver(self, step: Step) -> None:
        """Let an event come, for the first time or again."""
        self.take(step)

    @rule(step=runs)
    def run(self, step: Step) -> None:
        """Reconcile with whatever befalls the calls."""
        self.take(step)

    @rule()
    def sweep(self) -> None:
        """Let the timer fire."""
        self.take(Sweep())

    @rule(step=foreign)
    def disturb(self, step: Step) -> None:
        """Let somebody else write to the cluster."""
        self.take(step)

    @rule(step=troubles)
    def trouble(self, step: Step) -> None:
        """Let something be down, or gone, or be back."""
        self.take(step)

    @rule(step=ticks)
    def tick(self, step: Step) -> None:
        """Let time pass."""
        self.take(step)

    @rule(step=races)
    def race(self, step: Step) -> None:
        """Let two instances and a change of the same secret race."""
        self.take(step)

    @rule(step=together)
    def together(self, step: Step) -> None:
        """Let several things happen at once."""
        self.take(step)


def explore(
    histories: int,
    steps: int = 10,
    *,
    shrink: bool = True,
    seed: int | None = None,
    placed: bool = False,
) -> Explored:
    """Run histories of vaults as `explore_with` does.

    `placed` histories are all of one vault with several targets.
    """
    Machine.placed = placed
    return explore_with(Machine, histories, steps, shrink=shrink, seed=seed)
