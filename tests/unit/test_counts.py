"""The counts: when each key's value last changed, and what does not count as a change."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

import pytest

from sync.core.annotation import encode
from sync.core.changes import Count, SyncedSecret
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import STATE_ANNOTATION, Target
from sync.core.reasons import Reason
from sync.core.state import LATEST, State
from sync.reconcile.observed import own_state
from tests.kit.errors import raises
from tests.kit.fakes import NOON, Field
from tests.kit.world import World

STATE: Field = ("annotation", STATE_ANNOTATION)
KEYS = ("a", "b")


def state(world: World, target: Target | None = None) -> State:
    """Return the state on a Secret, by default the own one."""
    place = target or world.target
    actual = world.cluster.read(place, world.deadline())
    assert actual is not None
    found = own_state(place, actual)
    assert found is not None
    return found


def counts(world: World, target: Target | None = None) -> Mapping[str, Count]:
    """Return the counts on a Secret, by default the own one."""
    return state(world, target).counts


def uncounted(world: World) -> World:
    """Return the same world with counting switched off."""
    return replace(world, reconciler=replace(world.reconciler, counting=False))


def counted(world: World) -> World:
    """Return the same world with counting switched on."""
    return replace(world, reconciler=replace(world.reconciler, counting=True))


def stay(before: Mapping[str, Count], after: Mapping[str, Count]) -> set[str]:
    """Return the keys whose counts are as they were."""
    return {key for key in before if after.get(key) == before[key]}


def test_keys_that_are_first_written_begin_to_count() -> None:
    """The first count of a key is the epoch second of the write."""
    world = World.new(counting=True)
    for name in KEYS:
        world.put(name, "value")
    world.sweep()
    assert counts(world) == dict.fromkeys(KEYS, Count(int(NOON), first=True))


def test_a_new_value_moves_the_count_of_its_key() -> None:
    """It becomes the time of the write; keys whose value stays keep theirs."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.put("a", "new")
    world.event(world.hint("a"))
    assert stay(before, counts(world)) == {"b"}
    assert counts(world)["a"] == Count(int(world.clock()))


def test_changes_within_one_second_have_different_counts() -> None:
    """A count is later than all counts that the Secret had before, though the clock stands."""
    world = World.in_step(*KEYS, counting=True)
    seen = set(counts(world).values())
    for number in range(3):
        world.put("a", f"value {number}")
        world.sweep()
        assert counts(world)["a"] not in seen
        seen.add(counts(world)["a"])
    world.vaults.delete(world.vault, "a")
    world.sweep()
    assert counts(world).keys() == {"b"}
    world.put("a", "again")
    world.sweep()
    assert counts(world)["a"].first
    assert counts(world)["a"].at > max(each.at for each in seen)


@pytest.mark.parametrize("by_event", [True, False])
def test_a_new_version_with_the_same_value_is_no_change(*, by_event: bool) -> None:
    """Nothing that reads it need restart, also when the Secret is written."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.put("a", "a's value")
    assert (world.event(world.hint("a")) if by_event else world.sweep()).changes
    assert counts(world) == before


@pytest.mark.parametrize("value", [b"drifted", None])
def test_a_repair_that_changes_the_value_counts(value: bytes | None) -> None:
    """A pod may have started while somebody else's value was there, or none."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.cluster.edit(world.target, {("data", "a"): value})
    world.sweep()
    assert stay(before, counts(world)) == {"b"}
    assert not counts(world)["a"].first


def test_a_repair_that_changes_no_value_does_not_count() -> None:
    """Somebody else has written another value and then ours again."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    for value in (b"drifted", b"a's value"):
        world.cluster.edit(world.target, {("data", "a"): value})
    assert world.sweep().changes
    assert counts(world) == before


def test_keys_written_before_counting_count_from_their_next_change() -> None:
    """Switching it on writes nothing; the first change is none of a key that is first written."""
    world = counted(World.in_step(*KEYS))
    world.sweep()
    assert not world.wire.count("apply")
    assert counts(world) == {}
    world.put("a", "new")
    world.sweep()
    assert counts(world) == {"a": Count(int(world.clock()))}


def test_switched_off_the_counts_of_keys_that_stay_stay() -> None:
    """Switching it off writes nothing; a key that changes uncounted loses its count."""
    world = uncounted(World.in_step(*KEYS, counting=True))
    before = counts(world)
    assert not world.sweep().secrets
    assert not world.wire.count("apply")
    world.put("a", "new")
    world.sweep()
    assert counts(world) == {"b": before["b"]}


def test_lost_state_is_no_change() -> None:
    """A key whose count is lost has none until its value changes."""
    world = World.in_step(*KEYS, counting=True)
    world.cluster.edit(world.target, {STATE: None})
    world.put("b", "new")
    world.sweep()
    assert counts(world) == {"b": Count(int(world.clock()))}


def test_a_secret_made_anew_begins_to_count_anew() -> None:
    """Its counts are later than those of the one that was deleted."""
    world = World.in_step(*KEYS, counting=True)
    del world.cluster.secrets[world.target.place]
    world.sweep()
    assert counts(world) == dict.fromkeys(KEYS, Count(int(world.clock()), first=True))


@pytest.mark.parametrize("manager", ["velero-server", None])
def test_a_restored_secret_repeats_no_count(manager: str | None) -> None:
    """What an older backup brought back is changed again, with a count that is new."""
    world = World.in_step(*KEYS, counting=True)
    backup = deepcopy(world.cluster.secrets[world.target.place])
    world.put("a", "new")
    world.settle()
    before = counts(world)
    world.cluster.restore(world.target, backup, manager)
    world.sweep()
    assert world.data["a"] == "new"
    assert counts(world)["a"].at > before["a"].at
    assert counts(world)["b"] == before["b"]


@pytest.mark.parametrize("manager", ["velero-server", ""])
@pytest.mark.parametrize("crash", [True, False])
def test_what_an_eviction_sets_counts_with_the_apply(*, crash: bool, manager: str) -> None:
    """An eviction sets values that no count tells of, and nothing else may follow for a while."""
    world = World.in_step(*KEYS, "c", counting=True)
    backup = deepcopy(world.cluster.secrets[world.target.place])
    world.cluster.restore(world.target, backup, manager)
    before = counts(world)
    world.put("c", "new", key="a-new-key")
    if crash:
        world.wire.fail("apply", Transient(Reason.CLUSTER_UNAVAILABLE, "It is down."), times=1)
        with raises(Transient, Reason.CLUSTER_UNAVAILABLE):
            world.sweep()
        assert world.data["a-new-key"] == "new"
        assert counts(world) == before
        world.clock.tick(10)
        world.event(world.hint("b"))
        assert counts(world) == before
    world.clock.tick(10)
    world.sweep()
    assert world.data.keys() == {*KEYS, "a-new-key"}
    assert counts(world)["a-new-key"].at == int(world.clock())
    assert stay(before, counts(world)) == set(KEYS)
    rested = counts(world)
    world.settle()
    world.sweep(refetch=True)
    assert counts(world) == rested


def test_a_key_that_another_secret_takes_over_with_its_value_is_no_change() -> None:
    """A vault secret is renamed, and the key stays what it was by a tag."""
    world = World.in_step("a", counting=True)
    before = counts(world)
    world.vaults.delete(world.vault, "a")
    world.put("new-name", "a's value", key="a")
    world.sweep()
    assert world.data == {"a": "a's value"}
    assert counts(world) == before


def test_a_tag_takes_a_secret_out_of_the_count() -> None:
    """Its keys lose their counts in the next pass, and the tag alone writes the annotation."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.tag("a", restart="false")
    world.clock.tick(10)
    assert not world.sweep().changes
    assert counts(world) == {"b": before["b"]}
    world.put("a", "new", restart="false")
    world.sweep()
    assert counts(world) == {"b": before["b"]}
    world.settle()
    world.tag("a", restart="true")
    world.put("b", "new")
    world.sweep()
    assert counts(world).keys() == {"b"}
    world.put("a", "newer")
    world.sweep()
    assert counts(world)["a"] == Count(state(world).written)


def test_an_event_leaves_the_counts_of_other_secrets() -> None:
    """It has read the tags of its own secret alone."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.tag("a", restart="false")
    world.put("b", "new")
    world.event(world.hint("b"))
    assert stay(before, counts(world)) == {"a"}
    world.put("a", "new", restart="false")
    world.event(world.hint("a"))
    assert counts(world).keys() == {"b"}


def test_a_tag_of_no_counting_app_changes_nothing() -> None:
    """The tag is no reason to write where nothing is counted."""
    world = World.in_step(*KEYS)
    world.tag("a", restart="false")
    world.settle()
    world.sweep()
    assert not world.wire.count("apply")


def test_a_failure_of_the_vault_keeps_the_counts() -> None:
    """The note that a vault could not be read is no other change."""
    world = World.in_step(*KEYS, counting=True)
    before = counts(world)
    world.wire.fail("list", Permanent(Reason.VAULT_FORBIDDEN, "Denied."))
    with raises(Permanent, Reason.VAULT_FORBIDDEN):
        world.sweep()
    assert state(world).failure is not None
    assert counts(world) == before


def test_no_count_is_beyond_what_is_stored() -> None:
    """A state from the end of all calendars is followed by one of now."""
    world = World.in_step("a", counting=True)
    last = replace(state(world), written=LATEST)
    world.cluster.secrets[world.target.place].fields[STATE] = encode(last).encode()
    world.put("a", "new")
    world.sweep()
    assert counts(world) == {"a": Count(int(world.clock()))}


def test_a_reconcile_tells_of_each_secret_that_it_visited() -> None:
    """The own one first, with the keys of others, whether it was written or not."""
    world = World.in_step("a", counting=True)
    world.put("x", "value", secret="x")
    world.cluster.edit(world.target, {("data", "theirs"): b"theirs"})
    told = world.sweep().secrets
    own, further = world.target.secret, world.other("x")
    assert told == (
        SyncedSecret(own, frozenset({"a", "theirs"}), counts(world)),
        SyncedSecret(further.secret, frozenset({"x"}), counts(world, further)),
    )
    assert world.sweep().secrets == told
    assert world.event(world.hint("a")).secrets == told[:1]
    world.tag("x", secret="x", key="renamed")
    renamed = world.sweep().secrets[1]
    assert renamed.keys == renamed.counts.keys() == {"renamed"}
    world.cluster.secrets[world.target.place].immutable = True
    assert [each.immutable for each in world.sweep().secrets] == [True, False]


def test_a_secret_that_could_not_be_written_is_told_as_it_is() -> None:
    """Its keys and counts are those that were read; one that is not there is not told."""
    world = World.in_step("a", counting=True)
    world.put("x", "value", secret="x")
    world.settle()
    before = counts(world, world.other("x"))
    refused: SyncError = Permanent(Reason.SECRET_REFUSED, "No.")
    for secret in ("x", "y"):
        world.wire.fail("apply", refused, world.other(secret).secret)
        world.put(secret, "new", secret=secret)
    result = world.sweep()
    assert result.refused.keys() == {"x", "y"}
    assert [each.name for each in result.secrets] == [
        world.target.secret,
        world.other("x").secret,
    ]
    assert result.secrets[1] == SyncedSecret(world.other("x").secret, frozenset({"x"}), before)
