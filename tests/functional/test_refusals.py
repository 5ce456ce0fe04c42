"""Targets and vaults that the app must not or cannot write: said clearly, nothing half-written."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from local.kubernetes import Write
from local.kubernetes.documents import Document
from local.kubernetes.kinds import SECRET
from tests.functional.world import Place, World, outcome, wait_until
from tests.leaks.dye import value


def no_namespace(place: Place) -> None:
    """Take the namespace away; the app's rights in it stay, as a ClusterRole's would."""
    place.stack.cluster.delete_namespace(place.namespace)


def no_list_right(place: Place) -> None:
    """Let the app not list the vault."""
    place.vault.access.deny("list")


def no_get_right(place: Place) -> None:
    """Let the app list the vault but read nothing."""
    place.vault.access.deny("get")


def no_read_in_cluster(place: Place) -> None:
    """Let the app not read the Secret."""
    place.stack.bind(place.namespace, place.secret, without=["get"])


def no_write_in_cluster(place: Place) -> None:
    """Let the app read the Secret, not write it."""
    place.stack.bind(place.namespace, place.secret, without=["create", "patch"])


def put(place: Place, metadata: Document | None = None, *, immutable: bool = False) -> None:
    """Make the Secret as somebody else."""
    place.stack.cluster.put_secret(
        place.namespace,
        place.secret,
        {"theirs": b"kept"},
        metadata=metadata,
        immutable=immutable,
    )


def immutable(place: Place) -> None:
    """Make the Secret as an immutable one."""
    put(place, immutable=True)


def wrong_type(place: Place) -> None:
    """Make the Secret of another type."""
    body: Document = {"metadata": {"name": place.secret}, "type": "example.com/other"}
    place.stack.cluster.create(SECRET, place.namespace, body, Write("somebody"))


def owned_by_a_controller(place: Place) -> None:
    """Make the Secret one that an ExternalSecret owns."""
    owner: Document = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "name": "theirs",
        "uid": "00000000-0000-4000-8000-00000000abcd",
    }
    put(place, {"ownerReferences": [owner]})


def labelled_by_another(place: Place) -> None:
    """Make the Secret one that Helm says it manages."""
    put(place, {"labels": {"app.kubernetes.io/managed-by": "Helm"}})


def held_by_another_vault(place: Place) -> None:
    """Make the Secret one that holds another vault's secrets."""
    state = '{"vault":"neu-ds-akv-x-dev-1","written":"2026-01-01T00:00:00+00:00","secrets":{}}'
    put(place, {"annotations": {"keyvault-sync/state": state}})


def too_much_data(place: Place) -> None:
    """Fill the vault beyond what a Secret holds."""
    for number in range(43):
        place.vault.set_secret(f"large-{number}", value().ljust(25 * 1024, "."))


def too_many_annotations(place: Place) -> None:
    """Leave no room for ours among the Secret's annotations."""
    put(place, {"annotations": {"notes": "x" * (256 * 1024 - 100)}})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong with a place, and what an operator is told of it."""

    arrange: Callable[[Place], None]
    reason: str
    advice: str


REFUSALS = [
    Refusal(no_namespace, "NamespaceMissing", "kubectl create namespace"),
    Refusal(no_list_right, "VaultForbidden", "Key Vault Secrets User"),
    Refusal(no_get_right, "VaultForbidden", "Key Vault Secrets User"),
    Refusal(no_read_in_cluster, "ClusterForbidden", "kubectl create role"),
    Refusal(no_write_in_cluster, "ClusterForbidden", "kubectl create role"),
    Refusal(immutable, "SecretImmutable", "delete it"),
    Refusal(wrong_type, "SecretTypeMismatch", "delete the Secret"),
    Refusal(owned_by_a_controller, "TargetTaken", "ExternalSecret/theirs"),
    Refusal(labelled_by_another, "TargetTaken", "'Helm'"),
    Refusal(held_by_another_vault, "TargetTaken", "neu-ds-akv-x-dev-1"),
    Refusal(too_much_data, "SecretTooLarge", "additional vault"),
    Refusal(too_many_annotations, "TooManyKeys", "additional vault"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.arrange.__name__)
def test_what_cannot_be_written_is_refused(world: World, refusal: Refusal) -> None:
    """An event is logged as error and left to Event Grid, a request gets 422; both say why."""
    place = world.place(silent=True)
    made = place.vault.set_secret("key", value())
    refusal.arrange(place)
    before = place.document()
    assert world.deliver(place.event("key", made.version)) == 500
    assert world.logged("ERROR", refusal.reason, refusal.advice, place.name)
    assert world.logged("ERROR", refusal.reason, place.name, "No pass covers this vault")
    answer = world.resync(place)
    assert answer.status == 422
    told = outcome(answer)
    assert (told["outcome"], told["reason"]) == ("failed", refusal.reason)
    assert refusal.advice in str(told["message"])
    assert told["transient"] is False
    assert told["changes"] == []
    assert place.document() == before


@pytest.mark.parametrize(
    "arrange",
    [owned_by_a_controller, labelled_by_another],
    ids=lambda arrange: arrange.__name__,
)
def test_a_takeover_takes_a_controllers_secret(
    world: World, arrange: Callable[[Place], None]
) -> None:
    """An operator may take a Secret over: what was in it stays, and later events are served."""
    place = world.place(silent=True)
    arrange(place)
    place.vault.set_secret("key", value())
    for others in ({}, {"removals": True, "refetch": True}):
        assert world.resync(place, **others).status == 422
        assert place.data() == {"theirs": "kept"}
    assert world.resync(place, takeover=True).status == 200
    assert place.data() == place.wanted() | {"theirs": "kept"}
    assert place.labels()["app.kubernetes.io/managed-by"] == "keyvault-sync"
    made = place.vault.set_secret("key", value())
    assert world.deliver(place.event("key", made.version)) == 202
    assert place.data() == place.wanted() | {"theirs": "kept"}


EVERYTHING = {"removals": True, "takeover": True, "refetch": True}


@pytest.mark.parametrize("arrange", [immutable, wrong_type], ids=lambda arrange: arrange.__name__)
def test_no_option_changes_what_kubernetes_forbids(
    world: World, arrange: Callable[[Place], None]
) -> None:
    """What the API server never allows is refused whatever an operator asks for."""
    place = world.place(silent=True)
    arrange(place)
    before = place.document()
    place.vault.set_secret("key", value())
    assert world.resync(place, **EVERYTHING).status == 422
    assert place.document() == before


def test_an_event_waits_for_its_namespace(world: World) -> None:
    """Of a vault that no pass covers Event Grid delivers the event again, until somebody acted."""
    place = world.place()
    no_namespace(place)
    attempts = world.stack.grid.counts().attempts
    place.vault.set_secret("key", value())
    wait_until(lambda: world.stack.grid.counts().attempts > attempts + 1)
    place.stack.cluster.create_namespace(place.namespace)
    world.settle()
    assert place.data() == place.wanted()


def test_an_overfull_secret_keeps_what_it_has(world: World) -> None:
    """Where a new version would not fit, the Secret stays as it was, and is freed by a removal."""
    place = world.place(age=600, silent=True)
    for number in range(40):
        place.vault.set_secret(f"large-{number}", value().ljust(25 * 1024, "."))
    assert world.resync(place).status == 200
    before = place.document()
    made = place.vault.set_secret("large-40", value().ljust(25 * 1024, "."))
    assert world.deliver(place.event("large-40", made.version)) == 500
    assert world.logged("ERROR", "SecretTooLarge", "additional vault")
    assert place.document() == before
    place.vault.delete("large-0")
    world.bring(place)


def test_two_vaults_for_one_secret_are_refused(world: World) -> None:
    """Vaults that only their region tells apart contend: neither makes the Secret."""
    one = world.place("weu-DS-AKV-{}-dev-1", silent=True)
    other = world.place(f"neu{one.name[3:]}", silent=True)
    for place in (one, other):
        place.vault.set_secret("key", value())
    with world.app(one, other) as app:
        assert app.timer == 202
        for place in (one, other):
            assert app.deliver(place.event("key")) == 202
            answer = app.resync(place, takeover=True)
            assert answer.status == 422
            assert outcome(answer)["reason"] == "TargetContested"
            assert "Rename one of the vaults" in str(outcome(answer)["message"])
    assert one.data() is None
    assert world.logged("ERROR", "timer", "TargetContested", one.name)
    assert world.logged("ERROR", "event", "TargetContested", other.name)


def test_the_first_of_two_vaults_keeps_its_secret(world: World) -> None:
    """A vault that leads to another one's Secret is refused; that one goes on being served."""
    one = world.place("weu-DS-AKV-{}-dev-1")
    other = world.place(f"neu{one.name[3:]}", silent=True)
    one.vault.set_secret("key", value())
    world.settle()
    other.vault.set_secret("key", value())
    assert world.deliver(other.event("key")) == 500
    assert one.data() == one.wanted()
    assert world.logged("ERROR", "TargetTaken", one.name, other.name)
    one.vault.set_secret("key", value())
    world.settle()
    assert one.data() == one.wanted()
