"""What a pass makes good: drift in the cluster, and what no event tells of the vault."""

import time
from collections.abc import Callable, Mapping

import pytest

from local.key_vault import Quirks
from local.kubernetes import Write
from local.kubernetes.documents import Document
from local.kubernetes.kinds import SECRET
from tests.functional.world import Place, World, changes
from tests.leaks.dye import value

OURS = ("a", "b", "c")


@pytest.fixture
def place(world: World) -> Place:
    """Return a vault in step with its Secret, long ago."""
    place = world.place(age=600)
    for name in OURS:
        place.vault.set_secret(name, value())
    world.settle()
    world.resync(place)
    assert place.data() == place.wanted()
    return place


def patch(place: Place, document: Document) -> None:
    """Merge that into the Secret as somebody."""
    place.stack.cluster.patch(
        SECRET, place.namespace, place.secret, "merge", document, Write("somebody")
    )


def tamper(place: Place) -> None:
    """Change a key's value."""
    place.stack.cluster.patch_data(place.namespace, place.secret, {"a": b"tampered"})


def remove_key(place: Place) -> None:
    """Take a key out."""
    place.stack.cluster.patch_data(place.namespace, place.secret, {"a": None})


def overlay(place: Place) -> None:
    """Apply a key's value as stringData, which leaves the field ours."""
    apply(place, {"a": "tampered"})


def apply(place: Place, texts: Mapping[str, str]) -> None:
    """Apply all that somebody has in the Secret, as stringData."""
    document: Document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": place.secret, "namespace": place.namespace},
        "stringData": dict(texts),
    }
    place.stack.cluster.patch(
        SECRET, place.namespace, place.secret, "apply", document, Write("somebody")
    )


def overwrite_annotation(place: Place) -> None:
    """Put nonsense into our annotation."""
    patch(place, {"metadata": {"annotations": {"keyvault-sync/state": "nonsense"}}})


def remove_annotation(place: Place) -> None:
    """Take our annotation off."""
    patch(place, {"metadata": {"annotations": {"keyvault-sync/state": None}}})


def relabel(place: Place) -> None:
    """Change a label of ours that says nothing of ownership."""
    patch(place, {"metadata": {"labels": {"keyvault-sync/project": "other"}}})


def remove_labels(place: Place) -> None:
    """Take every label off."""
    patch(place, {"metadata": {"labels": None}})


def delete(place: Place) -> None:
    """Delete the Secret."""
    place.stack.cluster.delete_secret(place.namespace, place.secret)


@pytest.mark.parametrize(
    "drift",
    [
        tamper,
        overlay,
        remove_key,
        overwrite_annotation,
        remove_annotation,
        relabel,
        remove_labels,
        delete,
    ],
)
def test_a_pass_repairs_drift(world: World, place: Place, drift: Callable[[Place], None]) -> None:
    """Whatever somebody did to what is ours, one pass brings it back, and the next is quiet."""
    data, labels, records = place.data(), place.labels(), place.records()
    drift(place)
    assert world.resync(place).status == 200
    assert (place.data(), place.labels(), place.records()) == (data, labels, records)
    revision = place.revision()
    assert changes(world.resync(place)) == {}
    assert place.revision() == revision


def test_what_left_no_trace_is_repaired_when_read_anew(world: World, place: Place) -> None:
    """Who applies stringData and lets go of it leaves a value that nothing tells of but itself."""
    overlay(place)
    apply(place, {})
    assert place.data() != place.wanted()
    assert changes(world.resync(place, refetch=True)) == {"a": "update"}
    assert place.data() == place.wanted()


def test_a_pass_repairs_what_is_set_to_the_same_value(world: World, place: Place) -> None:
    """A key that somebody took over is taken back, even where its value is right."""
    wanted = place.wanted()
    place.stack.cluster.patch_data(place.namespace, place.secret, {"a": b"other"})
    place.stack.cluster.patch_data(place.namespace, place.secret, {"a": wanted["a"].encode()})
    assert changes(world.resync(place)) == {"a": "repair"}
    assert place.data() == wanted


def test_disabled_and_deleted_secrets_lose_their_keys(world: World, place: Place) -> None:
    """No event tells of either: the next pass removes them, and brings them back again."""
    place.vault.disable("a")
    place.vault.delete("b")
    assert changes(world.resync(place)) == {"a": "remove", "b": "remove"}
    assert place.data() == place.wanted()
    assert sorted(place.data() or {}) == ["c"]
    place.vault.enable("a")
    place.vault.recover("b")
    assert changes(world.resync(place)) == {"a": "create", "b": "create"}
    assert place.data() == place.wanted()


def test_foreign_keys_survive_everything(world: World, place: Place) -> None:
    """Keys that others added outlive updates, repairs and removals, and are told as foreign."""
    foreign = {"mine": "by hand"}
    place.stack.cluster.patch_data(place.namespace, place.secret, {"mine": b"by hand"})
    tamper(place)
    place.vault.disable("b")
    place.vault.set_secret("c", value())
    world.settle()
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | foreign
    (told,) = [v for v in _vaults(world, place) if v["vault"] == place.name]
    assert told["foreign_keys"] == ["mine"]


def _vaults(world: World, place: Place) -> list[dict[str, object]]:
    vaults = world.get(f"/api/status?vault={place.name}").body["vaults"]
    assert isinstance(vaults, list)
    return vaults


def test_the_quirks_of_the_listing_do_no_harm(world: World) -> None:
    """Empty pages, and an entry repeated in the other case are harmless."""
    place = world.place(age=600, silent=True)
    place.vault.quirks = Quirks(empty_pages=True, repeated_entry=True)
    place.renew(*(f"Secret-{number}" for number in range(60)))
    world.resync(place)
    first = place.data() or {}
    wanted = place.wanted()
    assert {name.lower(): v for name, v in first.items()} == {
        name.lower(): v for name, v in wanted.items()
    }
    assert changes(world.resync(place)) == {}
    assert place.data() == first


def test_a_quiet_pass_costs_a_listing_and_one_read(world: World) -> None:
    """Over 100 secrets in step: 4 lists, 0 gets, 1 Secret read, and nothing is written."""
    place = world.filled(*(f"secret-{number}" for number in range(100)), age=600, silent=True)
    with world.app(place) as app:
        assert app.timer == 202
        assert place.data() == place.wanted()
        place.vault.reset_requests()
        place.stack.cluster.requests.reset()
        assert app.timer == 202
    assert place.vault.requests() == {"list": 4}
    requests = place.stack.cluster.requests
    assert requests.count() == requests.count("get", "secrets") == 1


def test_a_second_change_within_a_second_is_seen(world: World) -> None:
    """`updated` has whole seconds: a version made in the second of the last read is not missed."""
    place = world.place(silent=True)
    place.clock.frozen = float(int(time.time()))
    place.vault.set_secret("key", value())
    assert world.resync(place).status == 200
    place.vault.set_secret("key", value())
    world.bring(place)


def test_every_name_of_key_vault_is_a_key(world: World) -> None:
    """Every name that Key Vault allows is a key that Kubernetes allows, up to 127 characters."""
    place = world.place()
    for name in ("-", "0", "A--b", "x" * 127):
        place.vault.set_secret(name, value())
    world.settle()
    assert place.data() == place.wanted()


def test_a_secret_made_anew_in_another_case_is_respelled(world: World, place: Place) -> None:
    """After a purge the name may come back in another case: its key is spelled as the vault's."""
    place.vault.delete("a")
    place.vault.purge("a")
    place.clock.ahead = -300
    place.vault.set_secret("A", value())
    world.settle()
    assert changes(world.resync(place)) == {"A": "create", "a": "remove"}
    assert place.data() == place.wanted()


def test_a_secret_that_nobody_claims_is_adopted(world: World) -> None:
    """A Secret made by hand is filled beside what is in it, and keeps that when secrets go."""
    place = world.place(age=600, silent=True)
    by_hand = {"mine": b"by hand", "shared": b"by hand"}
    place.stack.cluster.put_secret(place.namespace, place.secret, by_hand)
    place.renew("shared", "new")
    assert changes(world.resync(place)) == {"new": "create", "shared": "update"}
    assert place.data() == place.wanted() | {"mine": "by hand"}
    place.vault.disable("shared")
    place.vault.disable("new")
    assert world.resync(place).status == 200
    assert place.data() == {"mine": "by hand"}
