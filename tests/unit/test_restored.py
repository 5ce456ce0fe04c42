"""Secrets that come back from a backup are ours again; copies and forgeries are not."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

import pytest

from sync.app.status import SecretStatus, State
from sync.core.annotation import decode, encode
from sync.core.labels import labels_of
from sync.core.model import FIELD_MANAGER, MANAGED_BY_LABEL, STATE_ANNOTATION
from sync.core.reasons import Reason
from sync.reconcile.observed import ObservedSecret
from tests.kit.fakes import Field, Stored
from tests.kit.world import World

STATE: Field = ("annotation", STATE_ANNOTATION)
X = "keyvault-project-x"

MANAGERS: Mapping[str, str | None] = {
    "no-managed-fields": "",
    "older-velero": "velero-server",
    "applied": "kubectl-client-side-apply",
    "created": "kubectl-create",
    "managed-fields-kept": None,
}


def in_step() -> World:
    """Return a vault with its own Secret and a further one, each with a key of somebody's."""
    world = World.new()
    world.put("a", "a's value")
    world.put("b", "b's value", secret="x")
    world.settle()
    for number, stored in enumerate(world.cluster.secrets.values()):
        stored.uid = f"first-{number}"
    for target in (world.target, world.other("x")):
        world.cluster.edit(target, {("data", "mine"): b"by hand"}, "somebody")
    world.sweep(refetch=True)
    world.put("c", "c's value")  # a write of each that is there, so that it notes its uid
    world.put("d", "d's value", secret="x")
    world.settle()
    return world


def backup(world: World) -> Mapping[str, Stored]:
    """Return a copy of each Secret."""
    return {secret: deepcopy(stored) for (_, _, secret), stored in world.cluster.secrets.items()}


def restore(world: World, backups: Mapping[str, Stored], how: str) -> None:
    """Put Secrets back as that tool does."""
    for secret, stored in backups.items():
        world.cluster.restore(world.target.further(secret), stored, MANAGERS[how])


def states(world: World) -> set[State]:
    """Return what status says of both Secrets."""
    found = set[State]()
    for target in (world.target, world.other("x")):
        actual = world.cluster.read(target, world.deadline())
        further = target != world.target
        observed, rules = ObservedSecret.of(target, actual), world.reconciler.rules.digest
        found.add(SecretStatus.of(observed, rules, further=further).state)
    return found


def assert_in_step(world: World) -> None:
    """Both Secrets have the vault's values and what is somebody else's, and a pass rests."""
    current = {name: value.decode() for name, value in world.vaults.current(world.vault).items()}
    foreign = {"mine": "by hand"}
    further = {name: current[name] for name in ("b", "d") if name in current}
    own = {name: value for name, value in current.items() if name not in further}
    assert world.secrets == {"": own | foreign, "x": further | foreign}
    assert states(world) == {State.CONVERGED}
    world.settle()
    world.sweep()
    assert {call.verb for call in world.wire.calls} == {"read", "list"}


@pytest.mark.parametrize("how", MANAGERS)
def test_restored_secrets_are_ours_after_one_pass(how: str) -> None:
    """Own and further ones by the same rule; every value is read before it is trusted."""
    world = in_step()
    restore(world, backup(world), how)
    assert State.TAKEN not in states(world)
    world.wire.calls.clear()
    assert world.sweep().refused == {}
    assert world.wire.count("get") == 4
    assert_in_step(world)


@pytest.mark.parametrize("how", MANAGERS)
def test_what_changed_since_the_backup_is_brought_in(how: str) -> None:
    """Newer values replace the restored ones, new secrets come, deleted ones go."""
    world = in_step()
    backups = backup(world)
    world.put("a", "newer")
    world.put("b", "newer", secret="x")
    world.put("e", "e's value")
    world.vaults.delete(world.vault, "d")
    world.settle()
    restore(world, backups, how)
    assert world.sweep().refused == {}
    assert (world.data["a"], world.held(X)["b"]) == ("newer", "newer")
    assert_in_step(world)


@pytest.mark.parametrize("how", MANAGERS)
def test_values_that_were_changed_in_the_backup_are_compared(how: str) -> None:
    """A value that only the backup has is no value of the vault's, whatever its record says."""
    world = in_step()
    backups = backup(world)
    backups[world.target.secret].fields["data", "a"] = b"edited"
    backups[X].fields["data", "b"] = b"edited"
    restore(world, backups, how)
    assert world.sweep().refused == {}
    assert_in_step(world)


@pytest.mark.parametrize("how", MANAGERS)
@pytest.mark.parametrize("only", ["", "x"], ids=["own", "further"])
def test_one_of_the_secrets_is_restored(how: str, only: str) -> None:
    """The other one, which stayed or is gone, makes no difference."""
    world = in_step()
    one = world.other(only) if only else world.target
    restore(world, {one.secret: backup(world)[one.secret]}, how)
    assert world.sweep().refused == {}
    assert_in_step(world)
    for target in (world.target, world.other("x")):
        if target != one:
            del world.cluster.secrets[target.place]
    restore(world, {one.secret: backup(world)[one.secret]}, how)
    assert world.sweep().refused == {}
    assert world.secrets.keys() == {"", "x"}
    assert (world.data["a"], world.held(X)["b"]) == ("a's value", "b's value")


@pytest.mark.parametrize("how", MANAGERS)
def test_an_event_meets_a_restored_secret(how: str) -> None:
    """An event before the pass writes its secret where it belongs."""
    world = in_step()
    restore(world, backup(world), how)
    version = world.put("b", "newer", secret="x")
    assert world.event(world.hint("b", version)).refused == {}
    assert world.held(X)["b"] == "newer"
    assert world.sweep().refused == {}
    assert_in_step(world)


@pytest.mark.parametrize("how", MANAGERS)
def test_a_key_that_was_renamed_is_never_missing(how: str) -> None:
    """The restored key goes, which others manage now, in the write that brings the new one."""
    world = in_step()
    restore(world, backup(world), how)
    world.tag("a", key="A")
    world.clock.tick(10)
    world.cluster.changes.clear()
    done = world.sweep()
    assert {(each.key, each.action) for each in done.changes} >= {("A", "create"), ("a", "remove")}
    own = [data for secret, data in world.cluster.changes if secret == world.target.secret]
    assert all({"a", "A"} & data.keys() for data in own)
    assert "a" not in world.data
    assert world.data["A"] == "a's value"


def test_an_older_backup_within_the_minute_is_no_lag() -> None:
    """The restored annotation is older than the vault: its newer value comes with the next pass."""
    world = in_step()
    backups = backup(world)
    world.put("a", "newer")
    assert world.sweep().refused == {}
    restore(world, backups, "older-velero")
    assert world.sweep().refused == {}
    assert world.data["a"] == "newer"


def test_an_older_vault_secret_within_the_minute_may_be_a_backup() -> None:
    """A vault that serves an older version may lag, or have been restored; the message says both.

    After the minute what it serves is written.
    """
    world = in_step()
    world.put("a", "newer")
    assert world.sweep().refused == {}
    world.vaults.lag(world.vault, "a", 1)
    (error,) = world.sweep().refused.values()
    assert error.reason is Reason.OLDER_VERSION_SERVED
    assert "the vault lags, or somebody restored an older backup" in error.message
    assert world.data["a"] == "newer"
    world.clock.tick(61)
    assert world.sweep().refused == {}
    assert world.data["a"] == "a's value"


def forged(world: World, changes: Mapping[Field, bytes | None]) -> None:
    """Let somebody put a copy of the further Secret at another name, with these changes."""
    y = world.other("y")
    stored = deepcopy(world.cluster.secrets[world.other("x").place])
    world.cluster.restore(y, stored, "kubectl-create")
    world.cluster.edit(y, {("data", "b"): b"somebody's", **changes}, "kubectl-create")
    world.put("n", "n's value", secret="y", key="b")


def old_state(world: World) -> bytes:
    """Return the further Secret's annotation as a release before names and uids wrote it."""
    text = world.cluster.secrets[world.other("x").place].fields[STATE].decode()
    state = decode(text)
    assert state is not None
    return encode(replace(state, secret="", uid="")).encode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "is a copy of Secret 'keyvault-project-x', by its annotation"),
        ({("label", MANAGED_BY_LABEL): b"Helm"}, "the manager 'Helm'"),
        ({("label", "keyvault-sync/number"): None}, "is a copy of Secret"),
        ({("label", MANAGED_BY_LABEL): b"terraform"}, "the manager 'terraform' has it"),
        ({STATE: b"{}"}, "was there before the tag k8s-secret"),
    ],
    ids=["copy", "helm", "labels-of-none", "terraform", "no-state"],
)
def test_copies_stay_refused(changes: Mapping[Field, bytes | None], told: str) -> None:
    """A copy at a name that a tag asks for is not ours, and nobody's keys in it are overwritten."""
    world = in_step()
    forged(world, changes)
    (error,) = world.sweep().refused.values()
    assert error.reason is Reason.TARGET_TAKEN
    assert told.replace("the manager 'Helm'", "Helm") in error.message
    assert world.held("keyvault-project-y")["b"] == "somebody's"


def test_an_annotation_without_our_labels_is_refused_with_what_to_do() -> None:
    """A Secret that lost its labels may be a copy; the message has the command that mends it."""
    world = in_step()
    y = world.other("y")
    forged(world, {STATE: old_state(world), ("label", "keyvault-sync/number"): b"2"})
    (error,) = world.sweep().refused.values()
    assert error.reason is Reason.TARGET_TAKEN
    assert "has this vault's annotation and not its labels" in error.message
    assert f"kubectl label secret {y.secret} -n shop-dev --overwrite " in error.message
    assert "keyvault-sync/number=1" in error.message


def test_another_vaults_copy_is_refused() -> None:
    """A copy at another vault's own name says whose it was, and is not taken."""
    world = in_step()
    rival = world.rival()
    rival.vaults.put(rival.vault, "a", "rival's value")
    world.cluster.restore(world.target, backup(world)[world.target.secret], "velero-server")
    with pytest.raises(Exception, match="is not taken over for vault neu-ds-akv-shop-dev-1"):
        rival.sweep()
    assert world.data["a"] == "a's value"


def test_the_name_and_the_uid_are_noted() -> None:
    """A new Secret notes its name, and its uid with the next write that something else needs."""
    world = World.in_step("a")
    stored = world.cluster.secrets[world.target.place]
    text = stored.fields[STATE].decode()
    state = decode(text)
    assert state is not None
    assert (state.secret, state.uid) == (world.target.secret, "")
    stored.uid = "u-1"
    world.sweep()
    assert stored.fields[STATE].decode() == text
    world.put("a", "new")
    world.sweep()
    noted = decode(stored.fields[STATE].decode())
    assert noted is not None
    assert noted.uid == "u-1"
    assert labels_of(world.target)[MANAGED_BY_LABEL] == FIELD_MANAGER
