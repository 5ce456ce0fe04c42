"""When the app looks at workloads: after quiet, again while something waits, and not for ever."""

import asyncio
import time
from collections.abc import Callable, Sequence

from sync.core.changes import Action, Change, SyncedSecret
from sync.core.errors import Transient
from sync.core.model import Target
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.restarting import Places, Restarting
from sync.rollout.restarter import Look
from sync.rollout.workloads import Place
from tests.kit.fakes import vault_name
from tests.kit.workloads import PLACE, secret

_QUIET = 0.05
_TARGET = Target(vault_name(), PLACE.cluster, PLACE.namespace, "orders")
_RESTARTED = Restart(PLACE.cluster, PLACE.namespace, "Deployment", "web", ("orders/a",))
_WAITS = Restart(
    PLACE.cluster,
    PLACE.namespace,
    "Deployment",
    "web",
    ("orders/a",),
    Transient(Reason.WORKLOAD_WAITS, "later"),
)


def _written(count: int, *, same: bool = False, place: Place = PLACE) -> Outcome:
    target = Target(_TARGET.vault, place.cluster, place.namespace, "orders")
    change = Change("a", Action.UPDATE, same=same)
    return Converged(target, (change,), 1, secrets=(secret(a=count),))


class _Rig:
    """Restarting over looks that are given."""

    def __init__(self, *looks: Look, act: Callable[[], None] = lambda: None) -> None:
        self.given = list(looks)
        self.looked: list[Places] = []
        self.told: list[tuple[str, Restart]] = []
        self.restarting = Restarting(_QUIET, self._look, lambda *said: self.told.append(said))
        self.act = act

    async def _look(self, places: Places, seconds: float) -> Look:
        assert seconds > 0
        self.act()
        self.looked.append(places)
        return self.given.pop(0) if self.given else Look()

    def events(self, *outcomes: Outcome, seconds: float = 20.0) -> None:
        """Handle an event for each outcome, all at once."""

        async def handle() -> None:
            end = time.monotonic() + seconds
            await asyncio.gather(*(self.restarting.after_event([each], end) for each in outcomes))

        asyncio.run(handle())

    def passed(self, *outcomes: Outcome, seconds: float = 20.0) -> Sequence[Restart]:
        """Look after a pass."""
        end = time.monotonic() + seconds
        return asyncio.run(self.restarting.after_pass("timer", outcomes, end))


def test_a_burst_is_looked_at_once_with_its_newest_secrets() -> None:
    """One event waits for all of a namespace; another namespace is looked at by itself."""
    rig = _Rig()
    other = Place("default", "other-dev")
    rig.events(_written(1), _written(2), _written(3), _written(1, place=other))
    assert sorted(
        (place.namespace, dict(view)) for each in rig.looked for place, view in each.items()
    ) == [
        ("other-dev", {"orders": secret(a=1)}),
        ("shop-dev", {"orders": secret(a=3)}),
    ]


def test_what_changes_no_value_is_not_looked_at() -> None:
    """Nor what failed before it wrote anything."""
    rig = _Rig()
    error = Transient(Reason.VAULT_UNAVAILABLE, "503")
    unchanged = Converged(_TARGET, secrets=(secret(a=1),))
    rig.events(unchanged, _written(1, same=True), Failed("v", error), Failed("v", error, _TARGET))
    assert rig.looked == []


def test_an_event_without_time_leaves_it_to_the_pass() -> None:
    """It is answered in time; nothing of it waits any more."""
    rig = _Rig()
    rig.events(_written(1), seconds=4.01)
    assert rig.looked == []
    rig.events(_written(2))
    assert [dict(each) for each in rig.looked] == [{PLACE: {"orders": secret(a=2)}}]


def test_a_pass_looks_at_every_namespace_it_visited() -> None:
    """Also where it changed nothing: what another instance left undone shows there."""
    rig = _Rig(Look((_RESTARTED,)))
    rehearsed = Converged(_TARGET, dry_run=True, secrets=(secret("x", a=1),))
    told = rig.passed(Converged(_TARGET, secrets=(secret(a=1),)), rehearsed)
    assert [dict(each) for each in rig.looked] == [{PLACE: {"orders": secret(a=1)}}]
    assert told == (_RESTARTED,)
    assert rig.told == [("timer", _RESTARTED)]


def test_it_looks_again_while_something_waits() -> None:
    """What came of it last is told, and each thing is said once."""
    due = {PLACE: time.time()}
    rig = _Rig(Look((_WAITS,), due), Look((_WAITS,), due), Look((_RESTARTED,)))
    assert rig.passed(_written(1)) == (_RESTARTED,)
    assert rig.told == [("timer", _WAITS), ("timer", _RESTARTED)]
    assert len(rig.looked) == 3


def test_what_waited_and_needs_nothing_is_told_no_more() -> None:
    """Its pods turned out to be new, or it is gone."""
    rig = _Rig(Look((_WAITS,), {PLACE: time.time()}), Look())
    assert rig.passed(_written(1)) == ()


def test_it_ends_in_time() -> None:
    """What is due later than that is the next pass's."""
    rig = _Rig(Look((_WAITS,), {PLACE: time.time() + 60}))
    assert rig.passed(_written(1)) == (_WAITS,)
    assert len(rig.looked) == 1
    assert _Rig().passed(_written(1), seconds=0) == ()
    assert _Rig().passed() == ()


def test_several_targets_of_a_namespace_are_looked_at_together() -> None:
    """Each with its own Secrets."""
    rig = _Rig()
    other = Target(vault_name(), PLACE.cluster, PLACE.namespace, "billing")
    billing: SyncedSecret = secret("billing", b=2)
    error = Transient(Reason.VAULT_UNAVAILABLE, "503")
    rig.passed(_written(1), Failed("v", error, other, secrets=(billing,)))
    assert [dict(each) for each in rig.looked] == [
        {PLACE: {"orders": secret(a=1), "billing": billing}}
    ]
