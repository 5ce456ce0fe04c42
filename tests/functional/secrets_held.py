"""A vault's Secrets as functional tests look at them: its own, and those that tags ask for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from local.kubernetes.documents import text
from tests.functional.world import Place, World, changes

type Tags = dict[str, str]


def other(world: World, place: Place, secret: str) -> Place:
    """Let the app's Role name a further Secret of that vault's namespace, and return it."""
    found = replace(place, secret=secret)
    world.places.append(found)
    here = {each.secret for each in world.places if each.namespace == place.namespace}
    place.stack.bind(place.namespace, *here)
    return found


def raw(place: Place) -> dict[str, bytes]:
    """Return the keys and their values, byte by byte."""
    return place.stack.cluster.data(place.namespace, place.secret)


def kind(place: Place) -> str:
    """Return the Secret's type."""
    return text(place.document(), "type")


def assert_quiet(world: World, *places: Place) -> None:
    """Check that one more pass over the first one's vault changes none of the Secrets."""
    before = [place.data() for place in places]
    assert changes(world.resync(places[0])) == {}
    assert [place.data() for place in places] == before


@contextmanager
def watched(place: Place, see: Callable[[set[bytes]], None]) -> Iterator[None]:
    """Show after each write all the values that the namespace's Secrets hold."""
    cluster = place.stack.cluster

    def look(verb: str, resource: str) -> None:
        if resource == "secrets" and verb != "get":
            held = cluster.secrets(place.namespace).values()
            see({value for data in held for value in data.values()})

    cluster.observers.append(look)
    try:
        yield
    finally:
        cluster.observers.remove(look)


@contextmanager
def never_missing(place: Place, wanted: str) -> Iterator[None]:
    """Check that some Secret of the namespace holds the value after each write."""
    there: list[bool] = []
    with watched(place, lambda values: there.append(wanted.encode() in values)):
        yield
    assert all(there)
