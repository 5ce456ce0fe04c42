"""Several Secrets of one vault: where each vault secret is at any moment, and what fails alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.core.changes import Action
from sync.core.errors import Conflict, Permanent, Transient
from sync.core.model import STATE_ANNOTATION, Hint, SecretName
from sync.core.reasons import Reason
from sync.reconcile.guards import MAX_DATA_BYTES, MAX_KEYS
from sync.reconcile.request import ReconcileRequest
from tests.kit.fakes import Call
from tests.kit.schedules import Choices, Schedule
from tests.kit.world import World

FORBIDDEN = Permanent(Reason.CLUSTER_FORBIDDEN, "No.")
THROTTLED = Transient(Reason.VAULT_THROTTLED, "The vault throttles.")
X = "keyvault-project-x"
Y = "keyvault-project-y"

type Tags = Mapping[str, str]


class CrashError(Exception):
    """The process ends."""


def world_of(secrets: Mapping[str, Tags], *, prune: bool = True) -> World:
    """Return a vault of tagged secrets, each with its name's value, and its Secrets in step."""
    world = World.new(prune=prune)
    for name, tags in secrets.items():
        world.put(name, f"{name}'s value", **tags)
    world.settle()
    return world


def values(world: World) -> set[str]:
    """Return every value that any of the Secrets holds."""
    return {value for held in world.secrets.values() for value in held.values()}


def state(world: World, word: str = "") -> str:
    """Return the state annotation of one of the Secrets."""
    target = world.other(word) if word else world.target
    return world.cluster.secrets[target.place].part("annotation")[STATE_ANNOTATION].decode()


def others(world: World) -> Mapping[str, list[str]]:
    """Return the further Secrets that the vault's own remembers."""
    found: Mapping[str, list[str]] = json.loads(state(world)).get("others", {})
    return found


def assert_quiet(world: World) -> None:
    """Once all is trusted, a pass fetches and writes nothing."""
    world.settle()
    world.sweep()
    assert {call.verb for call in world.wire.calls} == {"read", "list"}
    assert world.wire.count("list") == 1


def test_secrets_go_where_their_tags_say() -> None:
    """Each Secret has just the keys that were declared for it."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "y", "key": "C"}})
    assert world.secrets == {
        "": {"a": "a's value"},
        "x": {"b": "b's value"},
        "y": {"C": "c's value"},
    }
    assert_quiet(world)


def test_a_secret_is_remembered_before_it_is_made() -> None:
    """The vault's own Secret names a further one before that exists: a crash loses no track."""
    world = World.new()
    world.put("b", "value", secret="x")
    seen: list[Mapping[str, list[str]]] = []

    def look(call: Call) -> None:
        if call == Call("apply", X) and not seen:
            seen.append(others(world))

    world.wire.before = look
    world.sweep()
    assert seen == [{X: ["b"]}]


def test_a_quiet_pass_reads_each_secret_once_and_fetches_nothing() -> None:
    """A pass over an unmoved vault is one list and one read a Secret."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "y"}})
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("read", X), Call("read", Y), Call("list")]


def test_an_event_costs_one_get_wherever_its_secret_is() -> None:
    """The event path reads the vault's own Secret and the one that the secret is in."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "y"}})
    version = world.put("b", "new", secret="x")
    world.event(world.hint("b", version))
    assert world.wire.calls == [Call("read"), Call("read", X), Call("get", "b"), Call("apply", X)]
    assert world.secrets["x"] == {"b": "new"}


def test_an_event_for_a_new_tagged_secret_makes_its_secret() -> None:
    """A new secret goes where its tags say without waiting for a pass."""
    world = world_of({"a": {}})
    world.event(world.hint("b", world.put("b", "new", secret="x")))
    assert world.secrets == {"": {"a": "a's value"}, "x": {"b": "new"}}
    assert_quiet(world)


MOVES: Mapping[str, tuple[Mapping[str, Tags], Mapping[str, Tags]]] = {
    "out": ({"a": {}}, {"a": {"secret": "x"}}),
    "home": ({"a": {"secret": "x"}}, {"a": {}}),
    "across": ({"a": {"secret": "x"}}, {"a": {"secret": "y"}}),
    "new-key": ({"a": {"key": "K"}}, {"a": {"key": "L"}}),
    "new-key-and-secret": ({"a": {"key": "K"}}, {"a": {"key": "L", "secret": "x"}}),
    "crossing": (
        {"a": {"secret": "x"}, "b": {}},
        {"a": {}, "b": {"secret": "x"}},
    ),
    "crossing-two": (
        {"a": {"secret": "x"}, "b": {"secret": "y"}},
        {"a": {"secret": "y"}, "b": {"secret": "x"}},
    ),
    "successor": (
        {"a": {"key": "K"}, "b": {"key": "B"}},
        {"a": {"key": "K", "secret": "x"}, "b": {"key": "K"}},
    ),
    "successor-in-another": (
        {"a": {"key": "K", "secret": "y"}, "b": {"secret": "x"}},
        {"a": {"key": "K", "secret": "x"}, "b": {"key": "K", "secret": "y"}},
    ),
    "chain": (
        {"a": {"key": "K"}, "b": {"key": "K", "secret": "x"}, "c": {}},
        {
            "a": {"key": "K", "secret": "x"},
            "b": {"key": "K", "secret": "y"},
            "c": {"key": "K"},
        },
    ),
}


def expected(tags: Mapping[str, Tags]) -> dict[str, dict[str, str]]:
    """Return what each Secret holds in the end, emptied ones left out."""
    found: dict[str, dict[str, str]] = {"": {"anchor": "anchor's value"}}
    for name, wish in tags.items():
        held = found.setdefault(wish.get("secret", ""), {})
        held[wish.get("key", name)] = f"{name}'s value"
    return found


def filled(world: World) -> dict[str, dict[str, str]]:
    """Return what each Secret holds that holds anything."""
    return {word: held for word, held in world.secrets.items() if held}


def moving(which: str) -> tuple[World, Mapping[str, Tags]]:
    """Return a world in step whose tags have just changed, and the tags."""
    before, after = MOVES[which]
    world = world_of({"anchor": {}, **before})
    for name, tags in after.items():
        world.tag(name, **tags)
    world.clock.tick(100)
    return world, after


@pytest.mark.parametrize("which", MOVES)
def test_what_moves_is_never_missing(which: str) -> None:
    """At every remote call each value is in some Secret; in the end just where it belongs."""
    world, after = moving(which)
    live = values(world)

    def look(_: Call) -> None:
        assert live <= values(world)

    world.wire.before = look
    assert world.sweep().refused == {}
    assert filled(world) == expected(after)
    assert_quiet(world)


def broken_off(world: World, steps: int) -> bool:
    """Begin a pass and let its process die after so many calls; tell whether it did."""
    left = iter(range(steps))

    def step(_: Call) -> None:
        if next(left, None) is None:
            raise CrashError

    world.wire.before = step
    try:
        world.sweep()
    except CrashError:
        return True
    else:
        return False
    finally:
        world.wire.before = lambda _: None


@pytest.mark.parametrize("which", MOVES)
def test_a_crash_in_a_move_is_made_good(which: str) -> None:
    """Wherever a move was broken off, nothing is missing, and one pass finishes it."""
    for steps in range(100):
        world, after = moving(which)
        live = values(world)
        if not broken_off(world, steps):
            break
        assert live <= values(world)
        assert world.sweep().refused == {}
        assert filled(world) == expected(after)
        assert_quiet(world)
    assert steps > 3


@pytest.mark.parametrize("which", MOVES)
def test_an_event_in_a_half_finished_move_does_no_harm(which: str) -> None:
    """After any first part of a move an event for each secret loses nothing, nor calls it a clash.

    Between two calls of a pass everything an event needs is there.
    """
    for steps in range(100):
        world, after = moving(which)
        live = values(world)
        if not broken_off(world, steps):
            break
        for name in after:
            assert world.event(world.hint(name)).refused == {}
            assert live <= values(world)


@pytest.mark.parametrize("which", MOVES)
def test_a_dry_run_of_a_move_tells_all_of_it(which: str) -> None:
    """A dry run tells what comes and what goes, as the run after it does."""
    world, _ = moving(which)
    before = world.secrets
    planned = world.sweep(dry_run=True)
    assert world.secrets == before
    assert planned.refused == {}
    assert set(planned.changes) == set(world.sweep().changes)


def test_two_that_swap_one_key_both_arrive() -> None:
    """Where each wants the key that the other has, both get it: neither can wait for the other."""
    world = world_of({"a": {"key": "K"}, "b": {"key": "K", "secret": "x"}})
    world.tag("a", key="K", secret="x")
    world.tag("b", key="K")
    world.clock.tick(100)
    assert world.sweep().refused == {}
    assert world.secrets == {"": {"K": "b's value"}, "x": {"K": "a's value"}}
    assert_quiet(world)


def test_whose_key_is_not_free_is_told() -> None:
    """Where the holder of a key cannot get to its new Secret, who wants the key waits, and says."""
    world = world_of({"a": {"key": "K"}, "b": {}})
    world.tag("a", key="K", secret="x")
    world.tag("b", key="K")
    world.clock.tick(100)
    world.wire.fail("apply", FORBIDDEN, X)
    told = world.sweep().refused
    assert told[SecretName("a")] is FORBIDDEN
    assert told[SecretName("b")].reason == "KeyClash"
    assert "'a'" in told[SecretName("b")].message
    assert world.data == {"K": "a's value", "b": "b's value"}
    world.wire.recover()
    assert world.sweep().refused == {}
    assert world.secrets == {"": {"K": "b's value"}, "x": {"K": "a's value"}}


def test_who_never_had_a_key_keeps_nobody_waiting() -> None:
    """Two that clashed over a key from the start leave it free when both go elsewhere."""
    world = world_of({"anchor": {}, "a": {"key": "K"}, "b": {"key": "K"}})
    world.tag("a", key="L", secret="x")
    world.tag("b", key="L", secret="x")
    world.put("c", "new", key="K")
    world.clock.tick(100)
    assert world.sweep().refused.keys() == {"a", "b"}
    assert world.data == {"anchor": "anchor's value", "K": "new"}


def test_tags_that_lead_elsewhere_at_each_look_end_as_a_conflict() -> None:
    """A listing may lead to a Secret that was not read before it a few times, and no more."""
    world = world_of({"a": {}})
    numbers = count()

    def retag(call: Call) -> None:
        if call.verb == "list":
            world.tag("a", secret=f"w{next(numbers)}")

    world.wire.before = retag
    with pytest.raises(Conflict):
        world.sweep()
    assert world.secrets == {"": {"a": "a's value"}}


def test_a_hint_that_joins_for_another_secret_is_read_too() -> None:
    """An event that comes while another is read may be for a Secret that was not read: a pass."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    world.put("a", "new")
    world.put("b", "new", secret="x")
    work = ReconcileRequest(
        world.target, (Hint(SecretName("a")),), whole=False, late=lambda: (Hint(SecretName("b")),)
    )
    assert world.run(work).refused == {}
    assert world.secrets == {"": {"a": "new"}, "x": {"b": "new"}}


@pytest.mark.parametrize("verb", ["read", "apply"])
def test_a_secret_that_is_refused_holds_no_other_back(verb: str) -> None:
    """Where one Secret may not be read or written, its secrets are named and the others go on."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "y"}})
    for name, tags in (("a", {}), ("b", {"secret": "x"}), ("c", {"secret": "y"})):
        world.put(name, "new", **tags)
    world.clock.tick(100)
    world.wire.fail(verb, FORBIDDEN, X)
    assert world.sweep().refused == {"b": FORBIDDEN}
    assert world.secrets == {"": {"a": "new"}, "x": {"b": "b's value"}, "y": {"c": "new"}}
    assert world.event(world.hint("b")).refused == {"b": FORBIDDEN}
    world.wire.recover()
    assert world.sweep().refused == {}
    assert world.secrets["x"] == {"b": "new"}


def test_what_stays_behind_in_a_closed_secret_is_told() -> None:
    """A secret that left a Secret which may not be read any more is named until that is clean."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    world.tag("b")
    world.clock.tick(100)
    world.wire.fail("read", FORBIDDEN, X)
    for _ in range(2):
        assert world.sweep().refused == {"b": FORBIDDEN}
        assert world.secrets == {"": {"a": "a's value", "b": "b's value"}, "x": {"b": "b's value"}}
    world.wire.recover()
    assert world.sweep().refused == {}
    assert filled(world) == {"": {"a": "a's value", "b": "b's value"}}
    assert_quiet(world)


@pytest.mark.parametrize(("left", "new"), [("x", ""), ("x", "y"), ("y", "x")])
def test_a_stale_copy_left_behind_replaces_nothing_newer(left: str, new: str) -> None:
    """What is newer counts where a secret is in two Secrets: a vault that lags is waited for."""
    tags = {"secret": new} if new else {}
    world = world_of({"a": {}, "b": {"secret": left}})
    closed = world.other(left).secret
    world.wire.fail("read", FORBIDDEN, closed)
    world.put("b", "new", **tags)
    world.clock.tick(10)
    world.sweep()
    world.wire.recover()
    world.wire.fail("apply", FORBIDDEN, closed)
    world.vaults.lag(world.vault, "b", 1)
    assert isinstance(world.sweep().refused[SecretName("b")], Transient)
    assert world.secrets[new]["b"] == "new"


def test_a_secret_that_always_changes_holds_no_other_back() -> None:
    """Where the write of one Secret never wins its race, the others are written all the same."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "y"}})
    world.put("b", "new", secret="x")
    world.put("c", "new", secret="y")
    numbers = count()

    def meddle(call: Call) -> None:
        if call == Call("apply", X):
            world.cluster.edit(world.other("x"), {("data", "theirs"): str(next(numbers)).encode()})

    world.wire.before = meddle
    with pytest.raises(Conflict):
        world.sweep()
    assert world.held(Y) == {"c": "new"}
    assert world.held(X)["b"] == "b's value"


def test_a_deleted_secret_is_made_again() -> None:
    """A further Secret that somebody deleted is whole again after a pass."""
    world = world_of({"a": {}, "b": {"secret": "x"}, "c": {"secret": "x"}})
    del world.cluster.secrets[world.other("x").place]
    world.sweep()
    assert world.held(X) == {"b": "b's value", "c": "c's value"}
    assert_quiet(world)


def test_a_new_secret_is_made_of_what_can_be_read() -> None:
    """A further Secret waits for no member that cannot be read, which is named."""
    world = world_of({"a": {}})
    world.put("a", "new")
    for name in ("b", "c"):
        world.put(name, "new", secret="x")
    world.wire.fail("get", THROTTLED, "c")
    assert world.sweep().refused == {"c": THROTTLED}
    assert world.secrets == {"": {"a": "new"}, "x": {"b": "new"}}
    world.wire.recover()
    world.sweep()
    assert world.held(X) == {"b": "new", "c": "new"}


@pytest.mark.parametrize("how", ["bare", "owner", "vault"])
def test_a_secret_that_was_there_is_not_taken(how: str) -> None:
    """A Secret that tags ask for and that is not ours is refused, and taken only if asked for."""
    world = world_of({"a": {}})
    other = world.other("x")
    if how == "vault":
        rival = world.rival()
        rival.put("theirs", "x")
        replace(rival, target=replace(rival.target, secret=X)).sweep()
    else:
        world.cluster.edit(other, {("data", "theirs"): b"x"})
        owners = ("ExternalSecret/shop",) if how == "owner" else ()
        world.cluster.secrets[other.place].owners = owners
    world.put("a", "new")
    world.put("b", "new", secret="x")
    for _ in range(2):
        told = world.sweep().refused
        assert told[SecretName("b")].reason == "TargetTaken"
        assert world.secrets == {"": {"a": "new"}, "x": {"theirs": "x"}}
    told = world.sweep(takeover=True).refused
    if how == "vault":
        assert told[SecretName("b")].reason == "TargetTaken"
        assert world.held(X) == {"theirs": "x"}
        former = world.rival().vault.text
        assert not world.run(ReconcileRequest(world.target, takeover_from=former)).refused
    assert world.held(X)["b"] == "new"


def test_a_secret_that_somebody_took_over_is_left_to_them() -> None:
    """A further Secret of ours that another manager labels is refused as the vault's own is."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    label = ("label", "app.kubernetes.io/managed-by")
    world.cluster.edit(world.other("x"), {label: b"Helm"})
    world.put("b", "new", secret="x")
    assert world.sweep().refused[SecretName("b")].reason == "TargetTaken"
    assert world.held(X) == {"b": "b's value"}


def test_an_immutable_secret_fails_alone() -> None:
    """A further Secret that was marked immutable is named, and the others are written."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    world.cluster.secrets[world.other("x").place].immutable = True
    world.put("a", "new")
    world.put("b", "new", secret="x")
    assert world.sweep().refused[SecretName("b")].reason == "SecretImmutable"
    assert world.secrets == {"": {"a": "new"}, "x": {"b": "b's value"}}


def test_a_type_that_a_secret_does_not_have_fails_alone() -> None:
    """Who asks for another type than a Secret has is refused; the others in it go on."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    world.put("b", "new", secret="x")
    world.put("login", "user:password", secret="x", type="basic-auth")
    assert {n: e.reason for n, e in world.sweep().refused.items()} == {
        "login": "SecretTypeMismatch"
    }
    assert world.held(X) == {"b": "new"}


def test_two_types_for_one_new_secret_are_both_refused() -> None:
    """A Secret has one type: of two that are asked for neither is guessed."""
    world = world_of({"a": {}})
    world.put("login", "user:password", secret="x", type="basic-auth")
    world.put(
        "pull",
        '{"registry":"r","username":"u","password":"p"}',
        secret="x",
        type="dockerconfigjson",
    )
    told = world.sweep().refused
    assert {n: e.reason for n, e in told.items()} == {"login": "TypesDiffer", "pull": "TypesDiffer"}
    assert world.secrets == {"": {"a": "a's value"}}


def test_an_emptied_secret_is_forgotten() -> None:
    """When the last secret of a Secret is gone, its keys go, and nobody reads it any more."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    world.vaults.delete(world.vault, "b")
    world.sweep()
    assert filled(world) == {"": {"a": "a's value"}}
    assert others(world) == {}
    world.wire.calls.clear()
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("list")]
    world.put("c", "new", secret="x")
    world.sweep()
    assert world.held(X) == {"c": "new"}
    assert_quiet(world)


def test_a_typed_secret_that_is_emptied_is_blanked_and_filled_again() -> None:
    """A type demands its keys, and the sync deletes no Secret: their values go."""
    world = world_of({"a": {}})
    world.put("login", "user:password", type="basic-auth")
    world.settle()
    assert world.held("keyvault-project-login") == {"username": "user", "password": "password"}
    world.vaults.delete(world.vault, "login")
    changes = world.sweep().changes
    assert {change.action for change in changes} == {Action.REMOVE}
    assert world.held("keyvault-project-login") == {"username": "", "password": ""}
    assert_quiet(world)
    world.put("login", "user:another", type="basic-auth")
    assert world.sweep().refused == {}
    assert world.held("keyvault-project-login") == {"username": "user", "password": "another"}


def test_a_typed_secret_keeps_its_type_for_what_else_is_in_it() -> None:
    """What a type demands is blanked when its secret goes, and other keys of the Secret stay."""
    world = world_of({"a": {}})
    world.put("login", "user:password", secret="x", type="basic-auth")
    world.put("b", "value", secret="x")
    world.settle()
    world.vaults.delete(world.vault, "login")
    assert world.sweep().refused == {}
    assert world.held(X) == {"username": "", "password": "", "b": "value"}
    assert_quiet(world)


def test_without_pruning_a_move_leaves_the_old_key() -> None:
    """Where pruning is off no key goes: what moves is also still where it was."""
    world = world_of({"a": {}, "b": {"key": "K"}}, prune=False)
    world.tag("a", secret="x")
    world.tag("b", key="L")
    world.clock.tick(100)
    world.sweep()
    b = "b's value"
    assert world.secrets == {"": {"a": "a's value", "K": b, "L": b}, "x": {"a": "a's value"}}
    assert_quiet(world)


def test_without_pruning_a_gone_secret_claims_no_key() -> None:
    """Where pruning is off the key of a deleted secret stays, until another takes that key."""
    world = world_of({"a": {}, "b": {}}, prune=False)
    world.vaults.delete(world.vault, "a")
    world.sweep()
    assert world.data["a"] == "a's value"
    world.put("c", "new", key="a")
    assert world.sweep().refused == {}
    assert world.data == {"a": "new", "b": "b's value"}
    assert json.loads(state(world))["secrets"].keys() == {"b", "c"}
    assert_quiet(world)


class Coins(Choices):
    """A path of coins: which of two tasks goes on."""

    def choose(self, options: int) -> int:
        """Return which option is taken here."""
        return min(Choices.choose(self, options), options - 1)


@pytest.mark.parametrize("tags", [{"secret": "x"}, {"key": "K"}, {"expand": "json"}])
@pytest.mark.parametrize("by_event", [True, False])
def test_a_new_version_that_lost_its_tags_is_refused(tags: Tags, *, by_event: bool) -> None:
    """The last good value stays where it is until the tags are back, or said not to be meant."""
    world = World.new()
    value = '{"user": "u"}'
    world.put("a", value, **tags)
    world.settle()
    before = world.secrets
    version = world.put("a", "2")
    done = world.event(world.hint("a", version)) if by_event else world.sweep()
    assert [error.reason for error in done.refused.values()] == ["TagsLost"]
    assert world.secrets == before
    world.clock.tick(10)
    world.tag("a", sync="true")
    assert not world.sweep().refused
    assert filled(world) == {"": {"a": "2"}}


def test_tags_lost_in_a_clash_are_missed_too() -> None:
    """One whose key clashes is still known to be tagged."""
    world = world_of({"anchor": {}, "a": {"key": "K"}, "b": {"key": "K"}})
    assert {error.reason for error in world.sweep().refused.values()} == {"KeyClash"}
    world.put("b", "2")
    assert world.sweep().refused[SecretName("b")].reason == "TagsLost"
    assert "b" not in filled(world)[""]


@pytest.mark.parametrize("tags", [{"secret": "x"}, {"key": "K"}])
def test_tags_may_be_taken_from_the_version_that_is_in(tags: Tags) -> None:
    """Without a new version it is meant: the secret becomes a plain one."""
    world = World.new()
    world.put("a", "1", **tags)
    world.settle()
    world.tag("a")
    assert not world.sweep().refused
    assert filled(world) == {"": {"a": "1"}}


RETAGS: Mapping[str, tuple[Tags, Tags]] = {
    "stays": ({"secret": "x"}, {"secret": "x"}),
    "out": ({}, {"secret": "x"}),
    "home": ({"secret": "x"}, {"sync": "true"}),
    "across": ({"secret": "x"}, {"secret": "y"}),
}


@pytest.mark.parametrize("which", RETAGS)
@pytest.mark.parametrize("absent", [False, True], ids=["there", "new"])
@settings(deadline=None, max_examples=100)
@given(
    coins=st.lists(st.integers(0, 1), max_size=40),
    early=st.booleans(),
    by_event=st.booleans(),
)
def test_an_older_value_never_replaces_a_newer_one_in_any_secret(
    which: str, coins: Sequence[int], *, absent: bool, early: bool, by_event: bool
) -> None:
    """However two reconciles, a new version and new tags interleave, no Secret's value goes back.

    Nor is a copy left where nobody looks: the next pass finds all that there is.
    """
    before, after = RETAGS[which]
    world = world_of({"anchor": {}} if absent else {"anchor": {}, "a": before})
    world.put("a", "1", **before)
    world.clock.tick(10)
    world.cluster.changes.clear()

    def bring(*, by_event: bool) -> None:
        if by_event:
            world.event(Hint(SecretName("a")))
        else:
            world.sweep()

    schedule = Schedule(Coins(coins))

    def renew() -> None:
        schedule.gate()
        world.put("a", "2", **after)
        bring(by_event=by_event)

    world.wire.before = schedule.gate
    raised = schedule.run([partial(bring, by_event=early), renew])
    assert all(error is None or isinstance(error, Conflict) for error in raised)
    world.wire.before = lambda _: None
    world.sweep()
    for secret in (world.target.secret, X, Y):
        held = [data for of, data in world.cluster.changes if of == secret]
        kept = [data["a"] for data in held if "a" in data]
        assert all(later >= earlier for earlier, later in pairwise(kept))
    found = {"": {"anchor": "anchor's value"}}
    found.setdefault(after.get("secret", ""), {})["a"] = "2"
    assert filled(world) == found


@pytest.mark.parametrize("by_event", [True, False])
def test_a_secret_that_is_made_too_late_is_emptied(*, by_event: bool) -> None:
    """Where the tag went between the read and the making of a Secret, no copy is left in it."""
    world = world_of({"anchor": {}})
    world.put("a", "1", secret="x")
    world.clock.tick(10)

    def overtake(call: Call) -> None:
        if call == Call("apply", X):
            world.wire.before = lambda _: None
            world.put("a", "2")
            world.sweep()

    world.wire.before = overtake
    if by_event:
        world.event(Hint(SecretName("a")))
    else:
        world.sweep()
    assert filled(world) == {"": {"anchor": "anchor's value", "a": "2"}}
    assert others(world) == {}


CLASHES: Mapping[str, tuple[Mapping[str, Tags], str, Tags, str, Mapping[str, str]]] = {
    "plain": (
        {"a": {"key": "K"}, "free": {}},
        "b",
        {"key": "K"},
        "new",
        {"K": "a's newer value", "free": "new"},
    ),
    "member": (
        {"a": {"key": "DB_K"}, "free": {}},
        "b",
        {"key": "DB", "expand": "json"},
        '{"K":"member","L":"other"}',
        {"DB_K": "a's newer value", "free": "new"},
    ),
    "moved": (
        {"a": {"key": "K"}, "b": {"key": "L"}, "free": {}},
        "b",
        {"key": "K"},
        "new",
        {"K": "a's newer value", "L": "b's value", "free": "new"},
    ),
}


@pytest.mark.parametrize("by_event", [True, False])
@pytest.mark.parametrize("which", CLASHES)
def test_who_has_a_key_keeps_it_and_rotates_it(which: str, *, by_event: bool) -> None:
    """The newcomer is refused by name; the holder's rotations and all other keys go on."""
    before, name, tags, value, after = CLASHES[which]
    world = world_of(before)
    world.put("free", "new")
    rotated = world.put("a", "a's newer value", **before["a"])
    version = world.put(name, value, **tags)
    if by_event:
        world.event(world.hint("free"), world.hint("a", rotated))
    for _ in range(3):
        world.clock.tick(10)
        told = world.event(Hint(SecretName(name), version)) if by_event else world.sweep()
        assert {n: e.reason for n, e in told.refused.items()} == {name: "KeyClash"}
        assert all("'a'" in e.message and "'b'" in e.message for e in told.refused.values())
        assert world.data == after
    world.settle()
    assert world.sweep().changes == ()
    assert world.wire.count("apply") == 0


@pytest.mark.parametrize("how", ["delete", "retag"])
@pytest.mark.parametrize("which", CLASHES)
def test_a_clash_ends_when_the_newcomer_gives_way(which: str, how: str) -> None:
    """Once only one claims the key nothing is refused any more, and all is quiet."""
    before, name, tags, value, _ = CLASHES[which]
    world = world_of(before)
    world.put(name, value, **tags)
    world.sweep()
    world.put("a", "newer", **before["a"])
    world.clock.tick(10)
    world.sweep()
    assert world.data[before["a"]["key"]] == "newer"
    if how == "delete":
        world.vaults.delete(world.vault, name)
    else:
        world.tag(name, key="OWN")
    world.clock.tick(10)
    assert world.sweep().refused == {}
    assert world.data == {before["a"]["key"]: "newer", "free": "free's value"} | (
        {"OWN": value} if how == "retag" else {}
    )
    assert_quiet(world)


@pytest.mark.parametrize("how", ["delete", "retag"])
def test_a_key_that_its_holder_gives_up_goes_to_who_asks_for_it(how: str) -> None:
    """A newcomer that was refused has the key one pass after its holder lets go of it."""
    world = world_of({"a": {"key": "K"}, "anchor": {}})
    world.put("b", "new", key="K")
    world.clock.tick(10)
    assert world.sweep().refused.keys() == {"b"}
    if how == "delete":
        world.vaults.delete(world.vault, "a")
    else:
        world.tag("a", key="OWN")
    world.clock.tick(10)
    assert world.sweep().refused == {}
    assert world.data["K"] == "new"
    assert_quiet(world)


def test_two_new_sources_for_one_key_are_none() -> None:
    """Of two that want one key from the start neither is guessed."""
    world = world_of({"a": {}})
    for name in ("b", "c"):
        world.put(name, "new", key="K", secret="x")
    for _ in range(2):
        assert {e.reason for e in world.sweep().refused.values()} == {"KeyClash"}
        assert world.secrets == {"": {"a": "a's value"}}


@pytest.mark.parametrize(
    ("value", "reason"),
    [('{"d":{"e":"x"},"d_e":"y"}', "KeyTwice"), ("{}", "ValueNotOfFormat")],
    ids=["twice", "no members"],
)
def test_an_object_that_cannot_be_meant_fails_alone(value: str, reason: str) -> None:
    """Two members of one key, or none any more, are refused by name; the last good keys stay."""
    world = world_of({"a": {}})
    world.put("b", '{"K":"x"}', expand="json")
    world.settle()
    world.put("b", value, expand="json")
    world.put("a", "new")
    assert world.sweep().refused[SecretName("b")].reason == reason
    assert world.data == {"a": "new", "K": "x"}


def too_large(world: World) -> None:
    """Want more bytes than a Secret may have."""
    for name in ("b", "c"):
        world.put(name, "x" * (MAX_DATA_BYTES // 2 + 1), secret="x")


def too_many(world: World) -> None:
    """Want more keys than a Secret may have."""
    for part in range(5):
        members = {f"{part}{n}": "" for n in range(1 + MAX_KEYS // 5)}
        world.put(f"b{part}", json.dumps(members), secret="x", expand="json")


def too_much_state(world: World) -> None:
    """Want more annotations than an object may have."""
    for part in range(5):
        members = {f"{part}{n}{'k' * 60}": "" for n in range(950)}
        world.put(f"b{part}", json.dumps(members), secret="x", expand="json")


@pytest.mark.parametrize(
    ("want", "reason"),
    [
        (too_large, "SecretTooLarge"),
        (too_many, "TooManyKeys"),
        (too_much_state, "TooManyKeys"),
    ],
)
def test_each_secret_has_its_own_limits(want: Callable[[World], None], reason: str) -> None:
    """One Secret past a limit is named before it is sent, with what to do; the others go on."""
    world = world_of({"a": {}, "y": {"secret": "y"}})
    world.put("a", "new")
    world.put("y", "new", secret="y")
    want(world)
    told = world.sweep().refused
    assert {error.reason for error in told.values()} == {reason}
    assert all("additional vault" in error.message for error in told.values())
    assert world.secrets == {"": {"a": "new"}, "y": {"y": "new"}}
    assert Call("apply", X) not in world.wire.calls


def test_a_loss_of_state_does_not_look_like_a_loss_of_secrets() -> None:
    """Where the annotation was touched, keys that only values can tell are not taken for gone."""
    world = world_of({"a": {}})
    world.put("b", json.dumps({f"K{n}": "x" for n in range(20)}), expand="json")
    world.settle()
    before = world.data
    world.cluster.edit(world.target, {("annotation", STATE_ANNOTATION): None})
    assert world.sweep().refused == {}
    assert world.data == before


def test_a_respelled_secret_that_moves_is_never_missing() -> None:
    """Names that differ only in case are one secret, also on its way to another Secret."""
    world = world_of({"anchor": {}, "Key": {}})
    world.vaults.respell(world.vault, "KEY")
    world.tag("KEY", secret="x")
    world.clock.tick(100)

    def look(_: Call) -> None:
        assert "Key's value" in values(world)

    world.wire.before = look
    world.sweep()
    assert world.secrets == {"": {"anchor": "anchor's value"}, "x": {"KEY": "Key's value"}}


def test_an_operator_is_told_why_a_secret_is_out() -> None:
    """Who asks for a secret that its tags leave out learns the reason, not a wrong name."""
    world = world_of({"a": {}, "b": {"sync": "false"}})
    for whole in (True, False):
        told = world.run(
            ReconcileRequest(world.target, (Hint(SecretName("b")),), whole=whole)
        ).refused
        assert "k8s-sync" in told[SecretName("b")].message
