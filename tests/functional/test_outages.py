"""What outages do to the sync: nothing is lost, nothing waits beyond Event Grid's patience."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from local.kubernetes.faults import Where
from local.kubernetes.kinds import SECRET
from tests.functional.gate import closed_gate
from tests.functional.world import World, wait_until
from tests.leaks.dye import value

EVENT_GRID_WAITS = 30.0


def test_a_cluster_that_dies_under_load_loses_nothing(world: World) -> None:
    """Events that come while the API server is down arrive after it is back."""
    places = [world.place() for _ in range(2)]
    stack = world.stack
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            for place in places:
                place.vault.set_secret(f"key-{number % 12}", value())
            number += 1
            ended.wait(0.05)

    with ThreadPoolExecutor(1) as threads:
        changing = threads.submit(change)
        try:
            for _ in range(2):
                wait_until(lambda: places[0].data() is not None)
                stack.stop_cluster()
                attempts = stack.grid.counts().attempts
                wait_until(lambda: stack.grid.counts().attempts > attempts + 20)  # noqa: B023 - at once
                stack.start_cluster()
        finally:
            ended.set()
            changing.result()
    world.settle()
    assert world.logged("WARNING", "ClusterUnreachable")
    assert stack.grid.counts().dead_lettered == 0
    assert [place.data() for place in places] == [place.wanted() for place in places]


def test_an_app_that_dies_under_load_loses_nothing(world: World) -> None:
    """Events that come while the app is away arrive once it is back, at the same address."""
    place = world.place()
    with world.app() as app:
        place.vault.set_secret("before", value())
        world.settle()
        app.host.stop()
        place.renew(*(f"key-{number}" for number in range(5)))
        attempts = world.stack.grid.counts().attempts
        wait_until(lambda: world.stack.grid.counts().attempts > attempts)
        app.host.start()
        world.settle()
    assert place.data() == place.wanted()


def test_a_throttled_vault_is_served_when_it_recovers(world: World) -> None:
    """429 with Retry-After fails the event at once; Event Grid brings it again."""
    place = world.place()
    place.vault.faults.throttle(None, retry_after=60)
    attempts = world.stack.grid.counts().attempts
    place.renew("key")
    wait_until(lambda: world.stack.grid.counts().attempts > attempts)
    assert world.logged("WARNING", "VaultThrottled", place.name)
    assert place.data() is None
    place.vault.faults.clear()
    world.settle()
    assert place.data() == place.wanted()


def test_a_vault_with_a_small_allowance_converges(world: World) -> None:
    """A vault that serves few requests a second is brought over within a few passes."""
    place = world.filled("first", silent=True)
    assert world.resync(place).status == 200
    place.renew(*(f"key-{number}" for number in range(60)))
    place.vault.faults.limit(30, 0.3)
    wait_until(lambda: world.resync(place).status == 200)
    assert place.data() == place.wanted()


def test_conflicts_without_end_are_given_up(world: World) -> None:
    """A write that loses its race in six turns is raised, and a later one goes through."""
    place = world.filled("key", silent=True)
    place.stack.cluster.requests.reset()
    place.stack.cluster.faults.fail(409, None, verb="patch")
    assert world.deliver(place.event("key")) == 500
    assert place.stack.cluster.requests.count("patch") == 6
    assert world.logged("WARNING", "Conflict", place.namespace)
    place.stack.cluster.faults.clear()
    world.bring(place)


def test_a_rival_writer_does_not_keep_changes_out(world: World) -> None:
    """While somebody else writes after two of three reads of the app, every change arrives."""
    place = world.filled("key-0")
    world.settle()
    cluster, reads, writes = place.stack.cluster, count(1), count(1)

    def rival(verb: str, resource: str) -> None:
        if (verb, resource) == ("get", "secrets") and next(reads) % 3:
            text = {"theirs": str(next(writes)).encode()}
            cluster.patch_data(place.namespace, place.secret, text)

    cluster.observers.append(rival)
    try:
        place.renew(*(f"key-{number}" for number in range(15)))
        world.settle()
    finally:
        cluster.observers.remove(rival)
    held = place.data() or {}
    assert held.pop("theirs")
    assert held == place.wanted()


def test_hanging_servers_are_answered_for_in_time(world: World) -> None:
    """A vault or an API server that never answers fails the event before Event Grid gives up."""
    vault_hangs, cluster_hangs = world.place(silent=True), world.place(silent=True)
    for place in (vault_hangs, cluster_hangs):
        place.vault.set_secret("key", value())
    vault_hangs.vault.faults.delay(60, None)
    world.stack.cluster.faults.delay(60, None, verb="patch")
    began = time.monotonic()
    with ThreadPoolExecutor(2) as senders:
        events = [place.event("key") for place in (vault_hangs, cluster_hangs)]
        statuses = list(senders.map(world.deliver, events))
    assert statuses == [500, 500]
    assert time.monotonic() - began < EVENT_GRID_WAITS  # the contract, not a measure of speed
    assert world.logged("WARNING", "VaultUnreachable")
    assert world.logged("WARNING", "ClusterUnreachable")
    vault_hangs.vault.faults.clear()
    world.stack.cluster.faults.clear()
    for place in (vault_hangs, cluster_hangs):
        world.bring(place)


def test_a_slow_vault_holds_up_no_other(world: World) -> None:
    """Another vault's event is served while a slow one's is still under way."""
    slow, quick = world.place(silent=True), world.place(silent=True)
    for place in (slow, quick):
        place.vault.set_secret("key", value())
    slow.vault.faults.delay(2, 1, "list")
    with ThreadPoolExecutor(1) as sender:
        waiting = sender.submit(world.deliver, slow.event("key"))
        assert world.deliver(quick.event("key")) == 202
        assert not waiting.done()
        assert quick.data() == quick.wanted()
        assert waiting.result() == 202
    assert slow.data() == slow.wanted()


def test_a_pass_takes_eight_of_24_targets_at_once(world: World) -> None:
    """While the API server hangs, eight vaults of a pass wait for it and 16 of events, no more."""
    swept = [world.place(silent=True) for _ in range(12)]
    told = [world.place(silent=True) for _ in range(24)]
    for place in (*swept, *told):
        place.vault.set_secret("key", value())
    reads = Where("get", SECRET.plural)
    with (
        world.app(*swept) as app,
        ThreadPoolExecutor(1 + len(told)) as callers,
        closed_gate(world.stack.cluster, reads) as gate,
    ):
        sweeping = callers.submit(lambda: app.timer)
        wait_until(lambda: len(gate.held) >= 8)
        events = [callers.submit(app.deliver, place.event("key")) for place in told]
        wait_until(lambda: len(gate.held) >= 24)
        assert app.get("/api/health").status == 200  # meanwhile one too many would have come
    assert len(gate.held) == 24
    assert len({SECRET.path(each.namespace, each.secret) for each in swept} & {*gate.held}) == 8
    assert {sweeping.result(), *(event.result() for event in events)} == {202}
    assert all(place.data() == place.wanted() for place in (*swept, *told))
