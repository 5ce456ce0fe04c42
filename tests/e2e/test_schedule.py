"""The sync left to itself: nobody resyncs, the timer runs on its own schedule."""

from tests.functional.world import World, subscribe, wait_until
from tests.leaks.dye import value


def test_the_timer_repairs_by_itself(world: World) -> None:
    """Drift in the cluster and changes without an event are made good by the schedule alone."""
    place = world.place(age=600)
    environment = world.stack.app_environment([place.name], SYNC_SCHEDULE="* * * * * *")
    with world.stack.host(environment) as host:
        subscribe(world.stack, host)
        place.vault.set_secret("tampered", value())
        place.vault.set_secret("disabled", value())
        wait_until(lambda: place.data() == place.wanted())
        place.stack.cluster.patch_data(place.namespace, place.secret, {"tampered": b"x"})
        place.vault.disable("disabled")
        assert place.data() != place.wanted()
        wait_until(lambda: place.data() == place.wanted())
        world.settle()
    assert sorted(place.data() or {}) == ["tampered"]
