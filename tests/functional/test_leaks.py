"""No secret value is told to anyone: the guard of every test here, and the paths most likely to."""

import base64

import pytest

from local.kubernetes import Write
from local.kubernetes.kinds import SECRET
from tests.functional.world import World
from tests.leaks.dye import value
from tests.leaks.search import leaks


def test_the_guard_sees_a_value_however_it_is_told() -> None:
    """A value is found plain, in base64 at any offset, and inside other text."""
    planted = value()
    assert leaks(f"a log line with {planted} in it")
    for before in ("", "x", "xx", "xxx"):
        text = base64.b64encode(f"{before}{planted}".encode()).decode()
        assert leaks(f'{{"data": "{text}"}}')
    assert not leaks("a log line without")


def test_values_are_only_in_the_data_of_their_secret(world: World) -> None:
    """After every kind of request the log, the answers and the metadata hold no value."""
    place = world.place()
    for name in ("a", "b", "c"):
        place.vault.set_secret(name, value(), tags={"tag": value()}, content_type=value())
    world.settle()
    foreign = {"theirs": value().encode(), "a": value().encode()}
    place.stack.cluster.patch_data(place.namespace, place.secret, foreign)
    world.get(f"/api/status?vault={place.name}")
    for fields in ({"dry_run": True}, {"secret": "a"}, {"secret": "nosuch"}, {"force": True}):
        world.resync(place, **fields)
    assert len(world.answers) == 5
    assert world.leaks() == []


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_refused_write_tells_no_value(world: World, status: int) -> None:
    """However the API server refuses a document, none of it is in what the app says."""
    place = world.place()
    place.stack.cluster.faults.fail(status, None, verb="patch")
    made = place.vault.set_secret("key", value())
    assert world.deliver(place.event("key", made.version)) in {202, 500}
    assert world.resync(place).status in {422, 503}
    place.stack.cluster.faults.clear()
    assert world.leaks() == []


def test_a_broken_annotation_is_not_repeated(world: World) -> None:
    """What somebody wrote over our annotation may be a value: it is not told either."""
    place = world.place()
    place.vault.set_secret("key", value())
    world.settle()
    place.stack.cluster.patch(
        SECRET,
        place.namespace,
        place.secret,
        "merge",
        {"metadata": {"annotations": {"keyvault-sync/state": value()}}},
        Write("somebody"),
    )
    world.get(f"/api/status?vault={place.name}")
    assert world.resync(place).status == 200
    assert world.leaks() == []


def test_values_in_events_and_requests_are_not_repeated(world: World) -> None:
    """Whoever puts a value where a name belongs does not find it in the log."""
    place = world.place()
    event = place.event("key") | {"data": {"VaultName": place.vault.name, "Value": value()}}
    assert world.deliver(event) == 202
    assert world.deliver({"eventType": "Other", "data": value()}) == 202
    assert world.post("/api/resync", {"all": True, "secret": {"a": value()}}).status == 400
    assert world.post("/api/resync", f'{{"a": "{value()}'.encode()).status == 400
    assert world.leaks() == []
