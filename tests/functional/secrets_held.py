"""A vault's Secrets as functional tests look at them: its own, and those that tags ask for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from local.kubernetes import Rule
from local.kubernetes.documents import text
from local.kubernetes.kinds import SECRET
from local.kubernetes.objects import decoded_data
from local.kubernetes.selectors import Selector
from local.kubernetes.store import Change
from local.stack import APP_USER
from tests.functional.world import Place, World, changes

type Tags = dict[str, str]


def other(world: World, place: Place, secret: str) -> Place:
    """Let the app's Role name a further Secret of that vault's namespace, and return it."""
    rule = Rule(("get", "create", "patch"), ("secrets",), (secret,), (place.namespace,))
    place.stack.cluster.grant(APP_USER, rule)
    found = replace(place, secret=secret)
    world.places.append(found)
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
    found, _ = place.stack.cluster.list(SECRET, place.namespace, Selector())
    held = {text(each.metadata, "name"): decoded_data(each.bare) for each in found}

    def look(change: Change) -> None:
        if (change.kind, change.namespace) == (SECRET, place.namespace):
            held[text(change.after.metadata, "name")] = decoded_data(change.after.bare)
            see({each for data in held.values() for each in data.values()})

    end = place.stack.cluster.watch(None, look)
    try:
        yield
    finally:
        end()


@contextmanager
def never_missing(place: Place, wanted: str) -> Iterator[None]:
    """Check that some Secret of the namespace holds the value after each write."""
    there: list[bool] = []
    with watched(place, lambda values: there.append(wanted.encode() in values)):
        yield
    assert all(there)
