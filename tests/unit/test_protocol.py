"""The write protocol: an older value never replaces a newer one, in whatever order calls fall."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest

from sync.core.errors import Conflict
from sync.core.model import Hint, SecretName, VaultSecret
from sync.core.state import Record
from sync.reconcile.desired import DesiredSecret, Entry
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.plan import diff
from tests.kit.fakes import Call
from tests.kit.schedules import Schedule, schedules
from tests.kit.world import World

RENEWED = Call("put", "a")

type Reconcile = Callable[[World], object]


def hinted(world: World) -> object:
    """Reconcile as an event does."""
    return world.event(Hint(SecretName("a")))


def whole(world: World) -> object:
    """Reconcile as the timer does."""
    return world.sweep()


def everything(world: World) -> object:
    """Reconcile as an operator does who asks for everything."""
    return world.sweep(removals=True, takeover=True, refetch=True)


def content(secret: VaultSecret) -> DesiredSecret:
    """Return a Secret's content that is this one vault secret."""
    record = Record(secret.version, secret.updated, settled=True, keys=("a",))
    return DesiredSecret(
        {"a": Entry(secret.value.encode(), secret.version)}, {SecretName("a"): record}
    )


def vault_first(world: World) -> None:
    """Reconcile in the wrong order: the vault, then the Secret, then the same conditional write."""
    while True:
        secret = world.vaults.get(world.vault, "a", world.deadline())
        assert isinstance(secret, VaultSecret)
        actual = world.cluster.read(world.target, world.deadline())
        assert actual is not None
        plan = diff(ObservedSecret.of(world.target, actual), content(secret), world.clock(), "")
        if plan.apply is None:
            return
        try:
            world.cluster.apply(world.target, plan.apply, actual.resource_version, world.deadline())
        except Conflict:
            continue
        return


def unconditional(world: World) -> None:
    """Reconcile in the right order, but take whatever revision the Secret has when writing."""
    actual = world.cluster.read(world.target, world.deadline())
    secret = world.vaults.get(world.vault, "a", world.deadline())
    assert actual is not None
    assert isinstance(secret, VaultSecret)
    plan = diff(ObservedSecret.of(world.target, actual), content(secret), world.clock(), "")
    if plan.apply is not None:
        while True:
            revision = str(world.cluster.secrets[world.target.place].revision)
            with suppress(Conflict):
                world.cluster.apply(world.target, plan.apply, revision, world.deadline())
                return


def runs(first: Reconcile, second: Reconcile, *, absent: bool, tick: int) -> Iterator[World]:
    """Yield the world after each order of two reconciles and a new version meanwhile."""
    for schedule in schedules():
        world = World.new() if absent else World.in_step("a")
        world.put("a", "1")
        world.clock.tick(tick)

        def renew(world: World = world, pause: Schedule = schedule) -> None:
            pause.gate()
            world.put("a", "2")
            world.wire.calls.append(RENEWED)

        world.wire.before = schedule.gate
        world.cluster.changes.clear()
        tasks: Sequence[Callable[[], object]] = [
            partial(first, world),
            partial(second, world),
            renew,
        ]
        assert schedule.run(tasks) == [None, None, None]
        yield world


def is_late(world: World) -> bool:
    """Tell whether somebody began after the new version and the Secret still has the old one."""
    after = world.wire.calls[world.wire.calls.index(RENEWED) :]
    return Call("read") in after and world.data["a"] != "2"


def went_back(world: World) -> bool:
    """Tell whether the Secret's value was ever replaced by an older one or taken away."""
    held = [data.get("a", b"") for data in world.cluster.history]
    return any(later < earlier for earlier, later in pairwise(held))


@pytest.mark.parametrize(
    ("first", "second", "absent", "tick"),
    [
        (hinted, hinted, False, 0),
        (hinted, whole, False, 0),
        (hinted, whole, False, 10),
        (whole, everything, False, 0),
        (whole, everything, True, 0),
    ],
    ids=["events", "event-and-pass", "event-and-pass-later", "pass-and-everything", "absent"],
)
def test_an_older_value_never_replaces_a_newer_one(
    first: Reconcile, second: Reconcile, *, absent: bool, tick: int
) -> None:
    """Cluster first: in every order of two reconciles and a new version the value only renews."""
    orders = 0
    for world in runs(first, second, absent=absent, tick=tick):
        orders += 1
        assert not went_back(world)
        assert not is_late(world)
    assert orders > 50


def test_vault_first_lets_an_older_value_win() -> None:
    """Vault first is wrong: some order replaces a newer value, in spite of the precondition."""
    orders = runs(vault_first, vault_first, absent=False, tick=0)
    assert any(went_back(world) for world in orders)


def test_without_the_precondition_an_older_value_wins() -> None:
    """The order alone is not enough: an unconditional write replaces newer values too."""
    orders = runs(unconditional, unconditional, absent=False, tick=0)
    assert any(went_back(world) for world in orders)


def test_every_path_is_walked() -> None:
    """The schedules are all the orders there are: three tasks of two steps take 90."""
    seen: set[tuple[int, ...]] = set()
    for schedule in schedules():
        order: list[int] = []

        def task(number: int, order: list[int] = order, pause: Schedule = schedule) -> None:
            for _ in range(2):
                pause.gate()
                order.append(number)

        schedule.run([partial(task, number) for number in range(3)])
        seen.add(tuple(order))
    assert len(seen) == 90
