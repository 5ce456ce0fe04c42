"""What keeps a pass from taking away more than it should, and one vault from holding up others."""

from collections.abc import Iterable

import pytest

from tests.functional.world import Place, World, outcome
from tests.leaks.dye import value


def filled(world: World, keys: int) -> Place:
    """Return a vault in step, with that many secrets, of which no event comes."""
    place = world.filled(*(f"key-{number}" for number in range(keys)), age=600, silent=True)
    world.bring(place)
    return place


def delete(place: Place, names: Iterable[str]) -> None:
    """Delete those secrets of the vault."""
    for name in names:
        place.vault.delete(name)


def test_an_empty_listing_removes_nothing_until_asked(world: World) -> None:
    """A vault that is suddenly empty is refused, and the answer says how to go on."""
    place = filled(world, 2)
    before = place.data()
    delete(place, place.vault.names())
    answer = world.resync(place)
    assert answer.status == 422
    assert outcome(answer)["reason"] == "UnsafePlan"
    assert "removals" in str(outcome(answer)["message"])
    assert place.data() == before
    assert world.logged("ERROR", "UnsafePlan", place.name)
    assert world.resync(place, removals=True).status == 200
    assert place.data() == {}


def test_an_event_still_arrives_while_a_plan_is_unsafe(world: World) -> None:
    """New versions are not held up by a removal that waits for an operator."""
    place = filled(world, 10)
    delete(place, place.vault.names()[:5])
    newest = place.vault.set_secret("key-9", value())
    assert world.deliver(place.event("key-9", newest.version)) == 202
    assert (place.data() or {})["key-9"] == newest.value
    assert len(place.data() or {}) == 10


def test_prune_never_keeps_what_the_vault_lost(world: World) -> None:
    """With SYNC_PRUNE=never disabled and deleted secrets keep their keys, and updates go on."""
    place = filled(world, 4)
    before = place.data() or {}
    place.clock.ahead = -300
    with world.app(place, SYNC_PRUNE="never") as app:
        place.vault.delete("key-0")
        place.vault.disable("key-1")
        changed = place.vault.set_secret("key-2", value())
        assert app.timer == 202
        assert place.data() == before | {"key-2": changed.value}
        assert app.resync(place, secret="key-1").status == 200
        assert place.data() == before | {"key-2": changed.value}


@pytest.mark.parametrize("lasting", [True, False])
def test_one_failing_vault_does_not_hold_back_the_others(world: World, *, lasting: bool) -> None:
    """The pass serves the others first; it then raises for what may pass, not for what lasts."""
    places = [world.place(silent=True) for _ in range(3)]
    for place in places:
        place.vault.set_secret("key", value())
    failing = places[0].vault
    if lasting:
        failing.access.deny()
    else:
        failing.faults.fail(503, None)
    with world.app(*places) as app:
        assert app.timer == (202 if lasting else 500)
        assert [place.data() for place in places] == [
            None,
            places[1].wanted(),
            places[2].wanted(),
        ]
        assert world.logged("INFO", "timer: 3 vaults, 1 of them failed")
        failing.access.allow()
        failing.faults.clear()
        assert app.timer == 202
    assert places[0].data() == places[0].wanted()
