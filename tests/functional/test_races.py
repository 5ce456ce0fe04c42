"""Several instances of the app, and chaos on all sides: the newest version wins."""

from concurrent.futures import ThreadPoolExecutor

from local.event_grid import Faults
from tests.functional.world import World, wait_until
from tests.leaks.dye import value


def test_a_late_writer_does_not_put_an_older_version_back(world: World) -> None:
    """An instance whose write was held up since before the newest version was written loses."""
    place = world.filled("key", age=600, silent=True)
    assert world.resync(place).status == 200
    cluster = place.stack.cluster
    with world.app() as other, ThreadPoolExecutor(1) as sender:
        place.clock.ahead = -300
        older = place.vault.set_secret("key", value())
        cluster.requests.reset()
        cluster.faults.delay(1.0, 1, verb="patch")
        late = sender.submit(world.deliver, place.event("key", older.version))
        wait_until(lambda: cluster.requests.count("patch", "secrets") == 1)
        place.clock.ahead = -200
        newest = place.vault.set_secret("key", value())
        assert other.deliver(place.event("key", newest.version)) == 202
        assert place.data() == {"key": newest.value}
        assert not late.done()
        assert late.result() == 202
    assert place.data() == {"key": newest.value}
    assert place.records()["key"][0] == newest.version


def test_events_and_passes_in_two_processes_agree(world: World) -> None:
    """A timer that runs beside the events, in an instance of its own, neither loses nor undoes."""
    place = world.filled("key-0")
    world.settle()
    with world.app(place) as timer, ThreadPoolExecutor(1) as threads:
        world.stack.subscribe(world.host)
        passes = threads.submit(lambda: [timer.timer for _ in range(10)])
        place.renew(*(f"key-{number % 8}" for number in range(40)))
        assert set(passes.result()) <= {202, 500}
        world.settle()
    assert place.data() == place.wanted()


def test_chaos_ends_in_step(world: World) -> None:
    """Doubled, delayed, lost events and failing servers: afterwards one pass is enough."""
    places = [world.place() for _ in range(2)]
    grid, cluster = world.stack.grid, world.stack.cluster
    for turn, faults in enumerate(
        (Faults(double=True, drop=0.3), Faults(reorder=5), Faults(delay=0.2, drop=0.2))
    ):
        grid.inject(faults)
        cluster.faults.fail(409, 2, verb="patch")
        cluster.faults.reset(2)
        cluster.faults.fail(500, 1)
        for place in places:
            place.vault.faults.fail(500, 2)
            place.vault.faults.reset(1)
            place.renew(*(f"key-{number + turn}" for number in range(5)))
            place.vault.disable(f"key-{turn}")
    grid.inject(Faults())
    world.settle()
    for place in places:
        place.vault.faults.clear()
        cluster.faults.clear()
        world.bring(place)
