"""One look at a namespace: whose turn it is, what is written, and what is told."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sync.core.changes import SyncedSecret
from sync.core.errors import Permanent, Transient
from sync.core.model import Target, VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.restarts import Reader, RestartRules, Scope
from sync.rollout.quiet import QuietPeriods
from sync.rollout.record import Record
from sync.rollout.restarter import Look, Restarter
from sync.rollout.uses import Use
from sync.rollout.workloads import Place, Pod, Progress
from tests.kit.fakes import Clock
from tests.kit.workloads import PLACE, FakeWorkloads, env, secret, workload

_READS = env("orders", "a")
_ANNOTATED = RestartRules(Scope.ANNOTATED)


class _Rig:
    """A restarter over workloads in memory."""

    def __init__(self, rules: RestartRules = _ANNOTATED) -> None:
        self.clock = Clock(2000.0)
        self.fake = FakeWorkloads()
        self.open = True
        self.stored: dict[str, SyncedSecret] = {}
        self.written: dict[str, SyncedSecret] = {}
        """Secrets as somebody wrote them after they were visited."""
        self.restarter = self.another(rules)

    def another(self, rules: RestartRules = _ANNOTATED) -> Restarter:
        """Return a restarter of another instance, over the same workloads."""
        return Restarter(
            self.fake,
            lambda _place, name, _deadline: self.stored.get(name),
            rules,
            self.clock,
            lambda _: self.open,
            ThreadPoolExecutor(2),
        )

    def look(self, *secrets: SyncedSecret, place: Place = PLACE) -> Look:
        given = {each.name: each for each in secrets}
        self.stored |= given | self.written
        return self.looks({place: given})

    def looks(self, places: Mapping[Place, Mapping[str, SyncedSecret]]) -> Look:
        return self.restarter.look(places, Deadline.after(60, self.clock))


def _told(look: Look) -> list[tuple[str, Reason | None]]:
    return [(each.name, each.error.reason if each.error else None) for each in look.restarts]


def test_a_quiet_look_lists_and_does_nothing_else() -> None:
    """No pods, no writes: one list a kind and namespace is all that a quiet pass costs."""
    rig = _Rig()
    rig.fake.add(replace(workload("web", _READS), record=Record({"orders": {"a": 1500}})))
    assert rig.look(secret(a=1500)) == Look()
    assert rig.fake.calls == ["list"]


def test_only_the_reader_is_restarted_and_only_once() -> None:
    """Its neighbour keeps its template."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS), workload("api", env("orders", "b")))
    look = rig.look(secret(a=1500, b=None))
    assert _told(look) == [("web", None)]
    assert look.restarts[0].keys == ("orders/a",)
    assert rig.fake.named("web").restarted_for == "orders/a@1500"
    assert rig.fake.named("api").restarted_for is None
    assert _told(rig.look(secret(a=1500, b=None))) == []


def test_the_next_waits_until_the_last_is_complete() -> None:
    """One wrong password does not restart everything at once."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS), workload("api", _READS))
    first = rig.look(secret(a=1500))
    assert _told(first) == [("api", None), ("web", Reason.WORKLOAD_WAITS)]
    assert first.due == {PLACE: 2003.0}
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_WAITS)]
    rig.fake.settle()
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_another_instance_goes_on() -> None:
    """All that counts is in the annotations and in the status."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS), workload("api", _READS))
    rig.look(secret(a=1500))
    rig.restarter = rig.another()
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_WAITS)]
    rig.fake.settle()
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_secrets_of_ours_that_were_not_visited_are_looked_at() -> None:
    """A pod would not start without them either; what is not ours is not asked for."""
    rig = _Rig()
    reader = workload("web", _READS, env("billing", "b"), env("foreign", "c"))
    counts = {"orders": {"a": 1000}, "billing": {"b": 1000}}
    rig.fake.add(replace(reader, record=Record(counts)))
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_KEY_MISSING)]
    rig.stored["billing"] = secret("billing", other=None)
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_KEY_MISSING)]
    rig.stored["billing"] = secret("billing", b=1000)
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_a_value_that_has_just_changed_again_begins_another_quiet_period() -> None:
    """A pass visits a Secret seconds before its look: what was written since counts."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.written["orders"] = secret(a=1999)
    look = rig.look(secret(a=1500))
    assert _told(look) == [("web", Reason.WORKLOAD_WAITS)]
    assert look.due == {PLACE: 2004.0}
    rig.clock.tick(4)
    assert _told(rig.look(secret(a=1500))) == [("web", None)]
    assert rig.fake.named("web").restarted_for == "orders/a@1999"
    assert _told(rig.look(secret(a=1500))) == []


def test_a_secret_that_has_just_gone_restarts_nothing() -> None:
    """New pods would not start."""
    rig = _Rig()
    rig.fake.add(replace(workload("web", _READS), record=Record({"orders": {"a": 1000}})))
    given = {"orders": secret(a=1500)}
    assert _told(rig.looks({PLACE: given})) == []


def test_one_that_is_not_ready_stops_the_readers_of_its_keys_alone() -> None:
    """It is told, and gives its slot back to the readers of other keys."""
    rig = _Rig()
    rig.fake.add(workload("api", _READS), workload("web", _READS), workload("job", env("x", "b")))
    rig.look(secret(a=1500))
    rig.clock.tick(600)
    look = rig.look(secret(a=1500), secret("x", b=1600))
    assert _told(look) == [
        ("web", Reason.WORKLOAD_STOPPED),
        ("job", None),
        ("api", Reason.WORKLOAD_NOT_READY),
    ]
    rig.fake.settle()
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_a_new_value_frees_those_that_were_stopped() -> None:
    """The one that was not ready takes the new value first."""
    rig = _Rig()
    rig.fake.add(workload("api", _READS), workload("web", _READS))
    rig.look(secret(a=1500))
    rig.clock.tick(700)
    look = rig.look(secret(a=2600))
    assert _told(look)[:2] == [("api", None), ("web", Reason.WORKLOAD_WAITS)]


def test_all_namespaces_together_have_a_limit() -> None:
    """At most so many restarts are under way that this process knows of."""
    rig = _Rig(RestartRules(Scope.ANNOTATED, in_namespace=2, in_all=3))
    places = [Place("default", f"shop-{n}") for n in range(3)]
    for place in places:
        rig.fake.add(*(workload(f"{name}", _READS, place=place) for name in "abc"))
    view = {place: {"orders": secret(a=1500)} for place in places}
    rig.stored = view[places[0]]
    restarted = [each for each in rig.looks(view).restarts if each.error is None]
    assert len(restarted) == 3
    rig.fake.settle()
    more = [each for _ in "12" for each in rig.looks(view).restarts if each.error is None]
    assert len(more) == 3


def test_a_status_that_is_written_all_the_time_does_not_stop_it() -> None:
    """A conflict is read again within the turn, and decided anew."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.conflicts = 3
    assert _told(rig.look(secret(a=1500))) == [("web", None)]
    assert rig.fake.calls.count("read") == 3


def test_a_workload_that_changes_in_every_turn_is_left_to_the_next_look() -> None:
    """It is told as what passes."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.conflicts = 99
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.CONFLICT)]


def test_a_workload_that_goes_is_no_error() -> None:
    """It was there when the workloads were listed."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.going = frozenset({"web"})
    assert _told(rig.look(secret(a=1500))) == []


def test_a_refusal_is_remembered_and_stops_no_other() -> None:
    """It is told with each look, and tried again in an hour, or for the next change."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.refusal = Permanent(Reason.WORKLOAD_REFUSED, "policy")
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_REFUSED)]
    rig.fake.refusal = None
    rig.fake.add(workload("api", _READS))
    rig.fake.calls.clear()
    assert _told(rig.look(secret(a=1500))) == [
        ("api", None),
        ("web", Reason.WORKLOAD_REFUSED),
    ]
    assert rig.fake.calls.count("apply") == 1
    rig.fake.settle()
    rig.clock.tick(3601)
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_a_cluster_that_fails_is_told_and_no_error() -> None:
    """A failure of a restart never fails what called for it."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.refusal = Transient(Reason.CLUSTER_UNAVAILABLE, "503")
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.CLUSTER_UNAVAILABLE)]
    late = rig.restarter.look({PLACE: {}}, Deadline.after(0, rig.clock))
    assert _told(late) == [("", Reason.DEADLINE_EXCEEDED)]


def test_pods_are_listed_only_if_they_may_spare_a_restart() -> None:
    """All of them started after the change: it is only remembered."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.fake.seen = [Pod({"app": "web"}, 1800.0, 1800.0)]
    assert _told(rig.look(secret(a=1500))) == []
    assert rig.fake.named("web").record == Record({"orders": {"a": 1500}})
    assert rig.fake.calls == ["list", "pods", "apply"]


def test_an_undo_is_not_undone() -> None:
    """It brings an older record back with the older template, and new pods."""
    rig = _Rig()
    rig.fake.add(before := workload("web", _READS))
    rig.look(secret(a=1500))
    rig.clock.tick(100)
    rig.fake.add(before)
    rig.fake.seen = [Pod({"app": "web"}, 2050.0, 2050.0)]
    assert _told(rig.look(secret(a=1500))) == []
    assert rig.fake.named("web").restarted_for is None


def test_readers_are_told_with_what_they_run() -> None:
    """The workloads that read each key, whether they opted in, and up to which change."""
    rig = _Rig()
    rig.fake.add(
        replace(workload("web", _READS), record=Record({"orders": {"a": 1400}})),
        workload("api", Use("orders", None), opted="false"),
    )
    target = Target(VaultName("v"), PLACE.cluster, PLACE.namespace, "orders")
    told = rig.restarter.readers_of(target, [secret(a=1500, b=None)], Deadline.after(9, rig.clock))
    assert told == [
        Reader("Deployment", "web", "orders", "a", opted=True, changed=1500, running=1400),
        Reader("Deployment", "api", "orders", "a", opted=False, changed=1500, running=None),
        Reader("Deployment", "api", "orders", "b", opted=False, changed=None, running=None),
    ]
    assert [each.current for each in told] == [False, None, None]


def test_a_shut_window_holds_all_back() -> None:
    """The first look in a window restarts them."""
    rig = _Rig()
    rig.fake.add(workload("web", _READS))
    rig.open = False
    assert _told(rig.look(secret(a=1500))) == [("web", Reason.WORKLOAD_OUTSIDE_WINDOW)]
    rig.open = True
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


def test_an_incomplete_workload_that_was_never_restarted_blocks_nobody() -> None:
    """It is somebody else's rollout."""
    rig = _Rig()
    broken = replace(workload("api", env("x", "b")), progress=Progress(complete=False))
    rig.fake.add(broken, workload("web", _READS))
    assert _told(rig.look(secret(a=1500))) == [("web", None)]


@pytest.mark.parametrize(("at", "limit", "waits"), [(0.0, 24.0, True), (0.0, 4.0, False)])
def test_one_event_of_a_burst_waits(at: float, limit: float, *, waits: bool) -> None:
    """If its time suffices."""
    periods = QuietPeriods(5.0)
    event = periods.written(PLACE, [secret(a=1)], at, limit)
    assert (event is not None) is waits


def test_a_burst_has_one_waiter_and_ends_after_its_last_write() -> None:
    """The others answer at once; the newest Secrets count."""
    periods = QuietPeriods(5.0)
    first = periods.written(PLACE, [secret(a=1), secret("x", b=1)], 0.0, 24.0)
    assert first is not None
    assert periods.written(PLACE, [secret(a=2)], 4.0, 28.0) is None
    assert periods.remaining(PLACE, first, 5.0) == 4.0
    assert periods.remaining(PLACE, first, 9.0) == 0.0
    assert periods.take(PLACE) == {"orders": secret(a=2), "x": secret("x", b=1)}
    assert periods.remaining(PLACE, first, 9.0) is None


def test_an_event_with_more_time_takes_over() -> None:
    """The first one's time would not suffice any more."""
    periods = QuietPeriods(5.0)
    first = periods.written(PLACE, [secret(a=1)], 0.0, 24.0)
    second = periods.written(PLACE, [secret(a=2)], 20.0, 44.0)
    assert first is not None
    assert second is not None
    assert periods.remaining(PLACE, first, 20.0) is None
    assert periods.remaining(PLACE, second, 20.0) == 5.0
