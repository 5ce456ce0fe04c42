"""Many changes at once in one vault: every one arrives, and the cluster sees few writes."""

from concurrent.futures import ThreadPoolExecutor

from tests.functional.world import World
from tests.leaks.dye import value

CHANGES = 500
CONNECTIONS = 200  # as many as the host lets through: it refuses what is over


def test_a_burst_of_new_versions_costs_a_handful_of_writes(world: World) -> None:
    """500 events, 200 at once, bring 500 keys with some 500 gets and 15 writes at most."""
    place = world.filled("first", silent=True)
    assert world.resync(place).status == 200
    place.vault.reset_requests()
    place.stack.cluster.requests.reset()
    made = [place.vault.set_secret(f"key-{number}", value()) for number in range(CHANGES)]
    events = [place.event(version.name, version.version) for version in made]
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        statuses = set(senders.map(world.deliver, events))
    assert statuses == {202}
    assert place.data() == place.wanted()
    assert place.stack.cluster.requests.count("patch", "secrets") <= 15
    assert CHANGES <= place.vault.requests()["get"] <= CHANGES * 1.1
    assert place.vault.requests()["list"] <= 1


def test_a_burst_through_event_grid_loses_nothing(world: World) -> None:
    """A stream of events, as Event Grid delivers it, ends with every newest version in."""
    place = world.filled(*(f"key-{number % 20}" for number in range(60)))
    world.settle()
    assert place.data() == place.wanted()
    assert world.stack.grid.counts().dead_lettered == 0


def test_bursts_in_many_vaults_keep_apart(world: World) -> None:
    """Events of several vaults at once end in each one's own Secret, number 2 beside number 1."""
    first = world.place("weu-DS-AKV-{}-dev-1")
    project = first.name.split("-")[3]
    places = [first, world.place(f"weu-DS-AKV-{project}-dev-2"), world.place(), world.place()]
    for number in range(10):
        for place in places:
            place.vault.set_secret(f"key-{number}", value())
    world.settle()
    assert [place.data() for place in places] == [place.wanted() for place in places]
