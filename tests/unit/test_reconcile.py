"""The protocol for one target: what the Secret holds after each kind of change and of failure."""

from dataclasses import replace

import pytest

from sync.core.changes import Action
from sync.core.errors import Conflict, Permanent, SyncError, Transient
from sync.core.model import STATE_ANNOTATION, Hint, SecretName, Target
from sync.core.outcomes import LeftOut
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.projection.rules import Rules
from sync.projection.stages import StagePrefixes
from sync.reconcile.request import ReconcileRequest
from tests.kit.errors import raises
from tests.kit.fakes import Call, names
from tests.kit.world import World

THROTTLED = Transient(Reason.VAULT_THROTTLED, "The vault throttles.")
STATE = ("annotation", STATE_ANNOTATION)


def acts(world: World, **how: bool) -> dict[str, Action]:
    """Sweep and return what was done with each key."""
    return {change.key: change.action for change in world.sweep(**how).changes}


def test_a_first_pass_brings_every_enabled_secret_over() -> None:
    """Every enabled secret of the vault is in the Secret, and no other."""
    world = World.new()
    for name in ("a", "b"):
        world.put(name, f"{name}'s value")
    world.vaults.put(world.vault, "off", "x", enabled=False)
    assert acts(world) == {"a": Action.CREATE, "b": Action.CREATE}
    assert world.data == {"a": "a's value", "b": "b's value"}


def test_a_quiet_pass_reads_the_secret_and_lists_the_vault() -> None:
    """Where nothing moved a pass gets nothing and writes nothing."""
    world = World.in_step(*names("key", 100))
    revision = world.cluster.secrets[world.target.place].revision
    assert world.sweep().changes == ()
    assert world.wire.calls == [Call("read"), Call("list")]
    assert world.cluster.secrets[world.target.place].revision == revision


def test_an_empty_vault_makes_no_secret() -> None:
    """A vault without secrets leads to no Secret, and that is in step."""
    world = World.new()
    assert world.sweep().changes == ()
    assert world.cluster.secrets == {}


@pytest.mark.parametrize("name", ["a", "new"])
def test_an_event_costs_one_get_and_no_list(name: str) -> None:
    """The event path is one read, one get and one apply, for a secret that is in and a new one."""
    world = World.in_step("a", "b")
    version = world.put(name, "new")
    world.event(world.hint(name, version))
    assert world.wire.calls == [Call("read"), Call("get", name), Call("apply")]
    assert world.data == {"a": "a's value", "b": "b's value", name: "new"}


@pytest.mark.parametrize("spelling", ["Key", "KEY", "key"])
def test_an_event_may_spell_the_name_in_any_case(spelling: str) -> None:
    """Names that differ only by case are one secret, kept under the key it has."""
    world = World.in_step("Key")
    version = world.put("Key", "new")
    world.event(world.hint(spelling, version))
    assert world.data == {"Key": "new"}


def test_two_versions_within_one_second_are_both_seen() -> None:
    """`updated` has whole seconds: what was read in its second is read again by the next pass."""
    world = World.in_step("a")
    first = world.put("a", "first")
    world.event(world.hint("a", first))
    world.put("a", "second")
    assert world.data["a"] == "first"
    world.clock.tick(300)
    assert acts(world) == {"a": Action.UPDATE}
    assert world.data["a"] == "second"


def test_an_unsettled_secret_is_confirmed_once() -> None:
    """A secret read in its own second is read once more, and then trusted."""
    world = World.in_step("a")
    world.event(world.hint("a", world.put("a", "new")))
    written = world.cluster.secrets[world.target.place].fields[STATE]
    world.clock.tick(300)
    assert world.sweep().changes == ()
    assert world.cluster.secrets[world.target.place].fields[STATE] != written
    world.wire.calls.clear()
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("list")]


def test_a_tag_change_writes_no_value() -> None:
    """A moved `updated` without a new version changes no key."""
    world = World.in_step("a")
    world.vaults.touch(world.vault, "a")
    world.clock.tick(300)
    assert world.sweep().changes == ()
    assert world.data == {"a": "a's value"}


def test_doubled_and_reordered_events_do_no_harm() -> None:
    """Whatever the order and number of events, the Secret has the current version."""
    world = World.in_step("a")
    old = world.hint("a", world.put("a", "old"))
    world.clock.tick(2)
    new = world.hint("a", world.put("a", "new"))
    for hint in (new, old, new, old, old):
        assert world.event(hint).refused == {}
        assert world.data == {"a": "new"}


def test_a_vault_that_serves_an_older_version_is_waited_for() -> None:
    """Within a minute of the event an older version is Transient and is not written."""
    world = World.in_step("a")
    hint = world.hint("a", world.put("a", "new"))
    world.vaults.lag(world.vault, "a", 1)
    outcome = world.event(hint)
    assert isinstance(outcome.refused[SecretName("a")], Transient)
    assert world.data == {"a": "a's value"}
    world.vaults.lag(world.vault, "a", 0)
    assert world.event(hint).refused == {}
    assert world.data == {"a": "new"}


def test_a_vault_that_does_not_know_its_secret_is_waited_for() -> None:
    """Within a minute of the event a secret that is not served is Transient."""
    world = World.in_step("a")
    hint = world.hint("b", world.put("b", "new"))
    world.vaults.lag(world.vault, "b", 1)
    assert isinstance(world.event(hint).refused[SecretName("b")], Transient)
    world.clock.tick(61)
    assert world.event(hint).refused == {}


def test_a_lagging_read_replaces_nothing_newer() -> None:
    """A pass that the vault serves an older version than it did before leaves the newer one."""
    world = World.in_step("a")
    world.clock.tick(10)
    world.event(world.hint("a", world.put("a", "new")))
    world.clock.tick(10)
    world.vaults.lag(world.vault, "a", 1)
    assert isinstance(world.sweep().refused[SecretName("a")], Transient)
    assert world.data == {"a": "new"}


def test_of_two_versions_of_one_second_the_event_waits_for_none() -> None:
    """The event may be the older one's, come late."""
    world = World.in_step("a")
    first = world.hint("a", world.put("a", "first"))
    second = world.hint("a", world.put("a", "second"))
    assert world.event(second).refused == {}
    assert world.event(first).refused == {}
    assert world.data == {"a": "second"}


def test_an_event_of_a_version_that_is_gone_is_done_by_a_newer_one() -> None:
    """A secret that was purged and set again has lost the announced version: it is not awaited."""
    world = World.in_step("a")
    gone = world.hint("a", "00000000000000000000000000000000")
    world.clock.tick(1)
    world.put("a", "again")
    assert world.event(gone).refused == {}
    assert world.data == {"a": "again"}


def test_what_was_read_is_written_although_the_rest_takes_too_long() -> None:
    """Reading ends before the deadline does, so that there is time for the write."""
    world = World.in_step("a", "b", "c")
    hints = [world.hint(name, world.put(name, "new")) for name in "abc"]
    seconds = iter([20.0, 2.0, 3.0])

    def before(call: Call) -> None:
        if call.verb == "get":
            world.clock.tick(next(seconds))

    world.wire.before = before
    assert {each.reason for each in world.event(*hints).refused.values()} == {"DeadlineExceeded"}
    assert sorted(world.data.values()) == ["c's value", "new", "new"]


def test_a_listing_that_lags_removes_nothing_new() -> None:
    """Within a minute of its change a secret that a listing leaves out keeps its key."""
    world = World.in_step("a")
    world.event(world.hint("b", world.put("b", "new")))
    world.vaults.unlist("b")
    world.clock.tick(5)
    world.sweep()
    assert world.data == {"a": "a's value", "b": "new"}


def test_an_event_from_the_future_is_not_waited_for() -> None:
    """Only the minute after an event is waited out, whatever time an event claims."""
    world = World.in_step("a")
    hint = Hint(
        SecretName("a"), "00000000000000000000000000000000", world.clock() + 10 * 365 * 86400
    )
    assert world.event(hint).refused == {}


def test_a_disabled_secret_loses_its_key() -> None:
    """A secret whose current version is disabled is out at the next pass."""
    world = World.in_step("a", "b")
    world.vaults.enable(world.vault, "b", enabled=False)
    assert acts(world) == {"b": Action.REMOVE}
    assert world.data == {"a": "a's value"}
    world.vaults.enable(world.vault, "b", enabled=True)
    assert acts(world) == {"b": Action.CREATE}


def test_a_hinted_secret_that_is_gone_asks_for_a_listing() -> None:
    """An event for a secret that the Secret has and the vault does not is settled by a listing."""
    world = World.in_step("a", "b")
    world.vaults.delete(world.vault, "b")
    world.event(Hint(SecretName("b"), "v9", world.clock() - 61))
    assert world.wire.count("list") == 1
    assert world.data == {"a": "a's value"}


def test_an_expired_secret_stays_and_is_named() -> None:
    """Expired secrets keep their key and are reported."""
    world = World.new()
    world.vaults.put(world.vault, "a", "x", expires=int(world.clock()) - 1)
    world.vaults.put(world.vault, "b", "y", expires=int(world.clock()) + 100)
    assert world.sweep().expired == ("a",)
    assert world.data == {"a": "x", "b": "y"}


def test_a_partial_failure_keeps_the_last_good_value_and_writes_the_rest() -> None:
    """A secret that cannot be read for now stays as it is; the others come over."""
    world = World.in_step("a", "b", "c")
    for name in ("a", "b"):
        world.put(name, "new")
    world.wire.fail("get", THROTTLED, "a")
    outcome = world.sweep()
    assert outcome.refused == {"a": THROTTLED}
    assert world.data == {"a": "a's value", "b": "new", "c": "c's value"}
    world.wire.recover()
    assert acts(world) == {"a": Action.UPDATE}


def test_a_drifted_key_that_cannot_be_read_is_repaired_later() -> None:
    """A key that somebody changed and whose secret is unread stays drifted until it is read."""
    world = World.in_step("a", "b")
    world.cluster.edit(world.target, {("data", "a"): b"tampered"})
    world.put("b", "new")
    world.wire.fail("get", THROTTLED, "a")
    world.sweep()
    assert world.data == {"a": "tampered", "b": "new"}
    world.wire.recover()
    assert acts(world)["a"] is Action.REPAIR
    assert world.data == {"a": "a's value", "b": "new"}


def test_one_secret_that_cannot_be_read_holds_no_creation_up() -> None:
    """A Secret is made of what could be read, and the rest is named; nothing read makes none."""
    world = World.new()
    for name in ("a", "b", "c"):
        world.put(name, "x")
    for name in ("a", "b", "c"):
        world.wire.fail("get", THROTTLED, name)
    with pytest.raises(Transient):
        world.sweep()
    assert world.cluster.secrets == {}
    del world.wire.faults[Call("get", "b")]
    assert world.sweep().refused == {"a": THROTTLED, "c": THROTTLED}
    assert world.data == {"b": "x"}
    world.wire.recover()
    assert world.sweep().refused == {}
    assert world.data == {"a": "x", "b": "x", "c": "x"}


def test_a_lost_state_and_a_failed_get_remove_nothing() -> None:
    """A secret that cannot be read keeps its key, also where the state annotation was touched."""
    world = World.in_step("a", "b")
    world.cluster.edit(world.target, {STATE: b"touched"})
    world.wire.fail("get", THROTTLED, "a")
    world.sweep()
    assert world.data == {"a": "a's value", "b": "b's value"}


def test_a_respelled_secret_that_cannot_be_read_keeps_its_value() -> None:
    """A secret listed in another case keeps its old key until the new one is there."""
    world = World.in_step("Key", "b")
    world.vaults.respell(world.vault, "KEY")
    world.wire.fail("get", THROTTLED, "KEY")
    world.sweep()
    assert "Key's value" in world.data.values()


def test_a_respelled_secret_moves_to_its_new_key() -> None:
    """The key is spelled as Key Vault spells the secret, and a respelling is no removal."""
    world = World.in_step(*names("key", 12))
    for name in names("KEY", 12):
        world.vaults.respell(world.vault, name)
    world.sweep()
    assert sorted(world.data) == list(names("KEY", 12))


def test_an_operators_secret_that_cannot_be_read_now_is_not_called_unknown() -> None:
    """A secret asked for by name that fails for now is Transient, not a wrong name."""
    world = World.in_step("a")
    world.put("b", "new")
    world.wire.fail("get", THROTTLED, "b")
    assert world.event(Hint(SecretName("b"))).refused == {"b": THROTTLED}


def test_an_operators_wrong_name_is_said_to_be_wrong() -> None:
    """A secret asked for by name that nobody knows is Permanent."""
    error = World.in_step("a").event(Hint(SecretName("nope"))).refused[SecretName("nope")]
    assert isinstance(error, Permanent)
    assert error.reason == "NoSuchSecret"


def test_a_lost_race_is_run_again() -> None:
    """After a 409 the Secret and the vault are read again, and both writes are there."""
    world = World.in_step("a")
    world.put("a", "new")
    foreign = iter([b"1", b"2"])

    def meddle(call: Call) -> None:
        if call.verb == "apply" and (value := next(foreign, None)):
            world.cluster.edit(world.target, {("data", "foreign"): value})

    world.wire.before = meddle
    world.sweep()
    assert world.data == {"a": "new", "foreign": "2"}
    assert world.wire.count("apply") == 3


def test_races_that_are_always_lost_end_as_a_conflict() -> None:
    """The turns are bounded; then it is a Conflict, and the Secret is the other's."""
    world = World.in_step("a")
    world.put("a", "new")
    turn = iter(range(1000))

    def meddle(call: Call) -> None:
        if call.verb == "apply":
            world.cluster.edit(world.target, {("data", "foreign"): str(next(turn)).encode()})

    world.wire.before = meddle
    with pytest.raises(Conflict):
        world.sweep()
    assert world.data["a"] == "a's value"
    assert world.wire.count("apply") <= 10


def test_a_secret_created_by_somebody_in_between_is_looked_at_again() -> None:
    """Creation is refused where a Secret appeared since the read; a foreign one is not taken."""
    world = World.new()
    world.put("a", "x")

    def meddle(call: Call) -> None:
        if call.verb == "apply" and not world.cluster.secrets:
            world.cluster.edit(world.target, {("label", "app.kubernetes.io/managed-by"): b"helm"})

    world.wire.before = meddle
    with raises(Permanent, "TargetTaken"):
        world.sweep()
    assert world.data == {}


def test_a_dry_run_tells_and_writes_nothing() -> None:
    """A dry run gives the changes of the run after it and leaves the Secret alone."""
    world = World.in_step("a", "b", "c")
    world.put("a", "new")
    world.vaults.delete(world.vault, "b")
    world.cluster.edit(world.target, {("data", "b"): b"taken over", ("data", "c"): None})
    before = world.cluster.secrets[world.target.place].revision
    planned = world.sweep(dry_run=True).changes
    assert world.cluster.secrets[world.target.place].revision == before
    assert planned == world.sweep().changes
    assert world.data == {"a": "new", "c": "c's value"}
    assert {change.key: change.action for change in planned} == {
        "a": Action.UPDATE,
        "b": Action.REMOVE,
        "c": Action.REPAIR,
    }


def test_a_dry_run_tells_what_is_left_out() -> None:
    """What never was in has no change to say why it is out; what goes says it there."""
    world = World.new(rules=Rules(stages=StagePrefixes.KEEP))
    for name in ("dev-a", "dev-b", "prd-a", "plain"):
        world.put(name, "new")
    world.put("off", "new", sync="false")
    world.settle()
    world.tag("dev-b", sync="false")
    world.tag("plain", odd="1")
    planned = world.sweep(dry_run=True)
    assert [(each.secret, each.why) for each in planned.left_out] == [
        ("off", "its tag k8s-sync is false"),
        ("prd-a", "it is of stage prd, not dev, and SYNC_STAGE_ALIASES does not make them one"),
    ]
    assert [(each.key, each.why) for each in planned.changes] == [
        ("dev-b", "its tag k8s-sync is false")
    ]
    assert planned.refused.keys() == {"plain"}
    written = world.sweep()
    assert (written.changes, written.left_out) == (planned.changes, ())


def test_another_alias_reads_only_what_it_renames() -> None:
    """A quiet pass after the platform paired two stages gets the one value whose key changes."""
    world = World.new(rules=Rules(stages=StagePrefixes.STRIP))
    for name in ("dev-a", "common-b", "plain", "test-c", "prod-d"):
        world.put(name, "new")
    world.put("dev-login", '{"user": "shop"}', expand="json")
    world.settle()
    rules = Rules(stages=StagePrefixes.STRIP, aliases=(("dev", "test"),))
    world = replace(world, reconciler=replace(world.reconciler, rules=rules))
    told = {change.key: change.action for change in world.sweep().changes}
    assert told == {"c": Action.CREATE, "test-c": Action.REMOVE}
    assert [call for call in world.wire.calls if call.verb == "get"] == [Call("get", "test-c")]
    assert world.data == {"a": "new", "b": "new", "plain": "new", "c": "new", "user": "shop"}


def test_a_dry_run_tells_what_is_out_and_stays() -> None:
    """Where pruning is off, a secret that left keeps its keys; the dry run says that it is out."""
    world = World.in_step("a", "b", prune=False)
    world.vaults.enable(world.vault, "b", enabled=False)
    planned = world.sweep(dry_run=True)
    assert (planned.changes, planned.left_out) == (
        (),
        (LeftOut(SecretName("b"), "it is disabled"),),
    )


@pytest.mark.parametrize(
    "drift", [{}, {("data", "a"): b"taken over"}, {STATE: None}], ids=["none", "key", "state"]
)
def test_without_pruning_keys_stay(drift: dict[tuple[str, str], bytes | None]) -> None:
    """Where pruning is off no key of a deleted or disabled secret goes, whoever changed it."""
    world = World.in_step("a", "b", "c", prune=False)
    world.vaults.delete(world.vault, "a")
    world.vaults.enable(world.vault, "b", enabled=False)
    world.cluster.edit(world.target, drift)
    held = world.data
    world.event(Hint(SecretName("a"), "v9", world.clock() - 61))
    world.put("c", "new")
    world.sweep()
    assert world.data == held | {"c": "new"}


@pytest.mark.parametrize(
    "drift",
    [
        {("data", "a"): b"tampered"},
        {("data", "a"): None},
        {STATE: b"{}"},
        {STATE: None},
        {("label", "keyvault-sync/stage"): b"prod"},
        {("label", "app.kubernetes.io/managed-by"): None},
        {("data", "a"): b"tampered", ("data", "b"): None, STATE: None},
    ],
    ids=["changed", "removed", "state-changed", "state-removed", "label", "managed-by", "all"],
)
def test_one_pass_repairs_each_drift(drift: dict[tuple[str, str], bytes | None]) -> None:
    """Whatever somebody changed of ours is as it was after one pass, and the next is quiet."""
    world = World.in_step("a", "b")
    stored = world.cluster.secrets[world.target.place]
    fields, managers = dict(stored.fields), dict(stored.managers)
    world.cluster.edit(world.target, drift)
    world.sweep()
    assert {k: v for k, v in stored.fields.items() if k != STATE} == {
        k: v for k, v in fields.items() if k != STATE
    }
    assert stored.managers == managers
    revision = stored.revision
    world.wire.calls.clear()
    assert world.sweep().changes == ()
    assert world.wire.calls == [Call("read"), Call("list")]
    assert stored.revision == revision


def test_wiped_field_managers_are_claimed_again() -> None:
    """Where the managed fields were wiped, one pass claims all, and a later removal works."""
    world = World.in_step("a", "b")
    world.cluster.wipe_managers(world.target)
    world.sweep()
    world.wire.calls.clear()
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("list")]
    world.vaults.delete(world.vault, "b")
    assert acts(world) == {"b": Action.REMOVE}
    assert world.data == {"a": "a's value"}


def test_a_key_that_somebody_shares_is_removed_all_the_same() -> None:
    """A pruned key goes although another manager applied the same value, and is reported once."""
    world = World.in_step("a", "b")
    world.cluster.edit(world.target, {("data", "b"): b"b's value"}, "argocd", share=True)
    world.vaults.delete(world.vault, "b")
    assert acts(world) == {"b": Action.REMOVE}
    assert world.data == {"a": "a's value"}


def test_the_event_path_leaves_another_keys_drift_to_the_timer() -> None:
    """An event writes its own key and neither loses nor hides the drift of the others."""
    world = World.in_step("a", "b", "c")
    world.cluster.edit(world.target, {("data", "b"): b"tampered", ("data", "c"): None})
    world.event(world.hint("a", world.put("a", "new")))
    assert world.data == {"a": "new", "b": "tampered"}
    world.clock.tick(300)
    assert acts(world) == {"b": Action.REPAIR, "c": Action.REPAIR}
    assert world.data == {"a": "new", "b": "b's value", "c": "c's value"}


def test_a_deleted_secret_of_the_cluster_is_made_again() -> None:
    """A Secret that somebody deleted is whole again after the next event or pass."""
    world = World.in_step("a", "b")
    del world.cluster.secrets[world.target.place]
    world.event(world.hint("a", world.put("a", "new")))
    assert world.data == {"a": "new", "b": "b's value"}


def take(world: World, how: str) -> None:
    """Let somebody else have the Secret."""
    if how == "owner":
        world.cluster.edit(world.target, {("data", "theirs"): b"x"})
        world.cluster.secrets[world.target.place].owners = ("ExternalSecret/shop",)
    elif how == "label":
        label = ("label", "app.kubernetes.io/managed-by")
        world.cluster.edit(world.target, {label: b"Helm", ("data", "theirs"): b"x"})
    else:
        rival = world.rival()
        rival.put("theirs", "x")
        rival.sweep()


@pytest.mark.parametrize("how", ["owner", "label", "vault"])
def test_a_foreign_secret_is_refused(how: str) -> None:
    """A Secret that another controller or vault has is not touched, and nothing is read for it."""
    world = World.new()
    world.put("a", "x")
    take(world, how)
    before = world.cluster.secrets[world.target.place].revision
    world.wire.calls.clear()
    with raises(Permanent, "TargetTaken"):
        world.sweep()
    assert world.cluster.secrets[world.target.place].revision == before
    assert world.wire.calls == [Call("read")]


@pytest.mark.parametrize("how", ["owner", "label"])
def test_a_takeover_takes_a_controllers_secret(how: str) -> None:
    """The Secret gets our keys, anybody else's stay, and the timer carries on without an option."""
    world = World.new()
    world.put("a", "x")
    take(world, how)
    world.sweep(takeover=True)
    assert world.data == {"a": "x", "theirs": "x"}
    world.clock.tick(300)
    world.put("a", "new")
    world.sweep()
    assert world.data["a"] == "new"


@pytest.mark.parametrize("how", ["owner", "label"])
@pytest.mark.parametrize("whose", [None, "neu-ds-akv-shop-dev-2"], ids=["unnamed", "another"])
def test_no_takeover_takes_another_vaults_secret(how: str, whose: str | None) -> None:
    """Whatever an operator asks for, and whoever else claims it, a vault keeps its Secret."""
    world = World.new()
    world.put("a", "x")
    take(world, "vault")
    take(world, how)
    before = world.cluster.secrets[world.target.place].revision
    everything = ReconcileRequest(
        world.target, removals=True, takeover=True, takeover_from=whose, refetch=True
    )
    with raises(Permanent, "TargetTaken"):
        world.run(everything)
    assert world.cluster.secrets[world.target.place].revision == before


def test_a_vault_that_is_gone_is_taken_over_by_its_name() -> None:
    """The other vault's keys go with a later pass, and the timer carries on without any option."""
    world = World.new()
    world.put("a", "x")
    take(world, "vault")
    former = world.rival().vault.text
    world.run(ReconcileRequest(world.target, takeover_from=former))
    assert world.data == {"a": "x", "theirs": "x"}
    world.put("a", "new")
    world.clock.tick(70)
    world.sweep()
    assert world.data == {"a": "new"}


def contested(_target: Target, _deadline: Deadline) -> bool:
    """Say that another vault leads there."""
    return True


def test_a_contested_target_is_not_created() -> None:
    """Where two known vaults lead to one Secret none creates it."""
    world = World.new()
    world.put("a", "x")
    with raises(Permanent, "TargetContested"):
        world.run(ReconcileRequest(world.target, contested=contested))
    assert world.cluster.secrets == {}


def test_a_contested_target_goes_on_for_whose_it_is() -> None:
    """Where a rival vault turns up later, the vault whose Secret it is keeps it in step."""
    world = World.in_step("a")
    world.put("a", "new")
    world.run(ReconcileRequest(world.target, contested=contested))
    assert world.data == {"a": "new"}


def test_a_contested_target_that_nobody_has_is_not_taken() -> None:
    """Two vaults that map to one Secret are refused as well where somebody made it beforehand."""
    world = World.new()
    world.put("a", "x")
    world.cluster.edit(world.target, {("data", "theirs"): b"x"})
    with pytest.raises(Permanent):
        world.run(ReconcileRequest(world.target, takeover=True, contested=contested))


@pytest.mark.parametrize("known", [True, False], ids=["taken", "not searched"])
def test_whether_a_target_is_contested_is_asked_only_to_make_or_take_it(*, known: bool) -> None:
    """A Secret that is ours or another vault's needs no search, and one that fails stops nobody."""

    def unanswerable(target: Target, _deadline: Deadline) -> bool:
        raise Transient(Reason.DISCOVERY_NEEDED, str(target))

    world = World.in_step("a")
    world.put("a", "new")
    world.run(ReconcileRequest(world.target, contested=unanswerable))
    assert world.data == {"a": "new"}
    rival = world.rival()
    if known:
        with pytest.raises(Permanent):
            rival.run(ReconcileRequest(rival.target, takeover=True, contested=unanswerable))
        return
    world.cluster.secrets.clear()
    with pytest.raises(Transient):
        rival.run(ReconcileRequest(rival.target, takeover=True, contested=unanswerable))
    assert world.cluster.secrets == {}


@pytest.mark.parametrize(
    ("gone", "refused"), [(3, False), (4, True)], ids=["30-percent", "40-percent"]
)
def test_the_guard_keeps_what_would_go_until_removals_are_asked_for(
    gone: int, *, refused: bool
) -> None:
    """More than 30 % of ten keys go only when asked for; all else is written meanwhile."""
    world = World.in_step(*names("key", 10))
    world.put("key09", "new")
    for name in names("key", gone):
        world.vaults.delete(world.vault, name)
    told = world.sweep().refused
    assert {error.reason for error in told.values()} == ({"UnsafePlan"} if refused else set())
    assert told.keys() == (set(names("key", gone)) if refused else set())
    assert len(world.data) == (10 if refused else 10 - gone)
    assert world.data["key09"] == "new"
    assert world.sweep(removals=refused).refused == {}
    assert len(world.data) == 10 - gone


def test_a_listing_that_fails_changes_nothing() -> None:
    """Where the vault cannot be listed the Secret stays as it is."""
    world = World.in_step("a")
    world.cluster.edit(world.target, {("data", "a"): b"tampered"})
    world.wire.fail("list", THROTTLED)
    with pytest.raises(Transient):
        world.sweep()
    assert world.data == {"a": "tampered"}


def test_an_empty_listing_removes_nothing() -> None:
    """What an empty vault would take is unsafe, however few keys there are."""
    world = World.in_step("a")
    world.vaults.delete(world.vault, "a")
    told = world.sweep().refused
    assert {name: error.reason for name, error in told.items()} == {"a": "UnsafePlan"}
    assert world.data == {"a": "a's value"}
    world.sweep(removals=True)
    assert world.data == {}


@pytest.mark.parametrize(("failing", "refused", "gets"), [(5, 5, 40), (40, 40, 16)])
def test_a_vault_that_is_down_is_not_asked_for_every_secret(
    failing: int, refused: int, gets: int
) -> None:
    """Five gets in a row that find the vault down end the reading; five bad secrets do not."""
    world = World.in_step(*names("key", 40))
    for name in names("key", 40):
        world.put(name, "new")
    for name in names("key", failing):
        world.wire.fail("get", THROTTLED, name)
    outcome = world.sweep()
    assert len(outcome.refused) == refused
    assert all(isinstance(error, Transient) for error in outcome.refused.values())
    assert world.wire.count("get") == gets
    assert world.wire.count("apply") == (refused < 40)


def test_secrets_that_are_not_there_say_nothing_of_the_vault() -> None:
    """However many made-up names events bring, the vault counts as up, and the others are read."""
    world = World.in_step("a")
    version = world.put("a", "new")
    made_up = [world.hint(f"{number:02}") for number in range(40)]
    told = world.event(*made_up, world.hint("z", version), world.hint("a", version))
    assert world.data == {"a": "new"}
    assert told.refused.keys() == {hint.secret for hint in made_up} | {"z"}


def test_a_value_that_utf8_cannot_carry_keeps_to_itself() -> None:
    """Such a secret is Permanent, holds no other back, and is in no error that it led to."""
    world = World.in_step("a", "b")
    world.put("a", "pl4nted\ud800")
    world.put("b", "new")
    error: BaseException | None = world.sweep().refused[SecretName("a")]
    assert isinstance(error, Permanent)
    assert world.data == {"a": "a's value", "b": "new"}
    while error is not None:
        assert "pl4nted" not in repr(error)
        error = error.__context__


def test_every_error_of_the_ports_passes_through() -> None:
    """What a port raises reaches the caller as it is, at any of the calls."""
    for verb, subject in (("read", ""), ("list", ""), ("apply", "")):
        world = World.new()
        world.put("a", "x")
        error: SyncError = Permanent(Reason.CLUSTER_FORBIDDEN, "No.")
        world.wire.fail(verb, error, subject)
        with pytest.raises(Permanent) as raised:
            world.sweep()
        assert raised.value is error
