"""Two sources for one key: both are told, and nothing that was good is lost."""

import pytest

from local.event_grid import Faults
from tests.functional.secrets_held import assert_quiet, never_missing, other
from tests.functional.world import World, outcome
from tests.leaks.dye import value


@pytest.mark.parametrize("by_event", [True, False])
def test_who_has_a_key_keeps_and_rotates_it(world: World, *, by_event: bool) -> None:
    """Of two sources the newcomer is refused, both are named, and the holder's versions go on."""
    place = world.place()
    tags = {"k8s-key": "TOKEN"}
    place.vault.set_secret("a", value(), tags=tags)
    world.settle()
    world.stack.grid.inject(Faults(drop_next=0 if by_event else 3))
    place.vault.set_secret("b", value(), tags=tags)
    good = place.vault.set_secret("a", value(), tags=tags).value
    free = place.vault.set_secret("free", value()).value
    world.settle()
    world.stack.grid.inject(Faults())
    for _ in range(2):
        answer = world.resync(place)
        assert (answer.status, outcome(answer)["reason"]) == (422, "KeyClash")
        message = str(outcome(answer)["message"])
        assert all(word in message for word in ("'a'", "'b'", "'TOKEN'"))
        assert place.data() == {"TOKEN": good, "free": free}
    if by_event:
        assert world.logged("ERROR", "KeyClash", place.name)
    place.vault.update("b", tags={"k8s-key": "OTHER"})
    assert world.resync(place).status == 200
    served = place.wanted()
    assert place.data() == {"TOKEN": served["a"], "OTHER": served["b"], "free": free}
    assert_quiet(world, place)


@pytest.mark.parametrize("home", ["keyvault-project", "keyvault-project-web"])
def test_a_secret_that_is_moved_into_a_clash_stays(world: World, home: str) -> None:
    """Where a tag sends a secret to a key that is taken, it stays what and where it was."""
    place = world.place()
    web = other(world, place, "keyvault-project-web")
    there = {"k8s-key": "K"} | ({"k8s-secret": "web"} if home == web.secret else {})
    first = place.vault.set_secret("a", value(), tags=there).value
    second = place.vault.set_secret("b", value(), tags={"k8s-key": "L"}).value
    world.settle()
    before = place.data(), web.data()
    place.vault.update("b", tags=there)
    with never_missing(place, first), never_missing(place, second):
        for _ in range(2):
            assert outcome(world.resync(place))["reason"] == "KeyClash"
            assert (place.data(), web.data()) == before


def test_a_stripped_prefix_may_clash(world: World) -> None:
    """A stage's own secret and the common one of that name are two sources for one key."""
    place = world.place()
    with world.app(place, SYNC_STAGE_PREFIXES="strip") as app:
        common = place.vault.set_secret("common-a", value()).value
        app.settle()
        place.vault.set_secret("dev-a", value())
        app.settle()
        assert outcome(app.resync(place))["reason"] == "KeyClash"
        assert place.data() == {"a": common}
