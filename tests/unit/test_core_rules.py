"""The rules of the core: who holds a key, what may go and when, what is remembered."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sync.core.annotation import FORMAT, decode
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import STATE_ANNOTATION, Hint, ListedSecret, SecretName, VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.state import POSTPONED_SECONDS, State
from sync.projection.keys import KeyStyle
from sync.projection.placement import Placement, Rendered
from sync.projection.rules import Rules
from sync.reconcile.request import ReconcileRequest
from tests.kit.fakes import Call, FakeVaults, names
from tests.kit.world import World
from tests.unit.test_several_secrets import X, Y, assert_quiet, others, state, world_of

STATE = ("annotation", STATE_ANNOTATION)
THROTTLED = Transient(Reason.VAULT_THROTTLED, "The vault throttles.")


def reasons(told: Mapping[SecretName, SyncError]) -> dict[str, str]:
    """Return why each refused secret is refused."""
    return {str(name): error.reason.value for name, error in told.items()}


def state_of(world: World) -> State:
    """Return what the own Secret remembers."""
    found = decode(state(world))
    assert found is not None
    return found


def why(world: World) -> dict[str, str]:
    """Sweep, and return why each key went."""
    return {change.key: change.why for change in world.sweep().changes if change.why}


# A key has one holder


def test_a_wrong_tag_stops_no_other_secrets_rotation() -> None:
    """Who has a key goes on with it, by event and by pass, whoever else asks for it."""
    world = world_of({"a": {"key": "DB_PASSWORD"}, "free": {}})
    world.put("b", "a typing error of another team", key="DB_PASSWORD")
    world.clock.tick(10)
    assert reasons(world.sweep().refused) == {"b": "KeyClash"}
    for value in ("rotated", "rotated again"):
        version = world.put("a", value, key="DB_PASSWORD")
        world.clock.tick(10)
        assert world.event(world.hint("a", version)).refused == {}
        assert world.data["DB_PASSWORD"] == value


# Grow strictly before shrink


def test_a_key_is_never_in_neither_secret_when_a_tag_goes_back() -> None:
    """A tag that is taken back between two instances' reads takes the key from no place."""
    world = world_of({"anchor": {}, "n": {"key": "K", "secret": "x"}, "m": {"secret": "x"}})
    world.tag("n", key="K")
    world.clock.tick(10)
    world.wire.fail("apply", Transient(Reason.CLUSTER_UNAVAILABLE, "Half a move."), X)
    world.sweep()
    world.wire.recover()
    world.clock.tick(30)
    assert [held.get("K") for held in world.secrets.values()] == ["n's value", "n's value"]
    late_writes, early_writes, early_wrote = (threading.Event() for _ in range(3))
    begun: set[str] = set()
    missing: list[str] = []

    def before(call: Call) -> None:
        who = threading.current_thread().name
        if call.verb == "apply" and who not in begun:
            begun.add(who)
            if who == "early":
                early_writes.set()
                late_writes.wait(20)
            else:
                late_writes.set()
                early_wrote.wait(20)
        if not any("K" in held for held in world.secrets.values()):
            missing.append(f"{who} before {call}")

    world.wire.before = before

    def run_early() -> None:
        world.sweep()
        early_wrote.set()

    early = threading.Thread(target=run_early, name="early")
    early.start()
    early_writes.wait(20)
    world.tag("n", key="K", secret="x")
    world.clock.tick(5)
    late = threading.Thread(target=world.sweep, name="late")
    late.start()
    early.join(30)
    late.join(30)
    assert missing == []
    assert world.held(X)["K"] == "n's value"


# Absence is confirmed


@pytest.mark.parametrize("missing", [8, 2])
def test_a_partial_listing_removes_nothing(missing: int) -> None:
    """What a listing lacks is asked for by name, and what the vault serves stays."""
    world = World.in_step(*names("key", 9))
    for name in names("key", missing):
        world.vaults.unlist(name)
    done = world.sweep()
    assert (done.changes, done.refused) == ((), {})
    assert len(world.data) == 9
    assert world.wire.count("get") == missing


@pytest.mark.parametrize("hinted", [True, False])
def test_what_a_get_cannot_confirm_stays(*, hinted: bool) -> None:
    """A secret that is not listed, and that the vault does not answer for, keeps its key."""
    world = World.in_step("a", "b")
    world.vaults.unlist("a")
    world.put("b", "new")
    world.wire.fail("get", THROTTLED, "a")
    hints = (world.hint("a"),) if hinted else ()
    told = world.run(ReconcileRequest(world.target, hints)).refused
    assert reasons(told) == {"a": "VaultThrottled"}
    assert world.data == {"a": "a's value", "b": "new"}


def test_one_that_is_listed_as_disabled_and_served_is_brought_in() -> None:
    """A listing that lags shows a secret as it was: the get says what it is."""
    world = World.in_step("a", "b")
    world.vaults.enable(world.vault, "a", enabled=False)

    def enable(call: Call) -> None:
        if call == Call("get", "a"):
            world.wire.before = lambda _: None
            world.vaults.enable(world.vault, "a", enabled=True)

    world.wire.before = enable
    world.clock.tick(100)
    assert world.sweep().refused == {}
    assert world.data == {"a": "a's value", "b": "b's value"}


def test_a_removal_costs_a_get_and_says_why() -> None:
    """Each key that goes goes for a reason of its own; only what a rule leaves out costs no get."""
    world = world_of({"stays": {}, "off": {}, "out": {}, "away": {}, "other": {"key": "OTHER"}})
    world.vaults.enable(world.vault, "off", enabled=False)
    world.tag("out", sync="false")
    world.vaults.delete(world.vault, "away")
    world.tag("other", key="RENAMED")
    world.clock.tick(100)
    assert why(world) == {
        "off": "it is disabled",
        "out": "its tag k8s-sync is false",
        "away": "the vault no longer has it",
        "OTHER": "its keys have other names now",
    }
    assert {c.subject for c in world.wire.calls if c.verb == "get"} == {"off", "away", "other"}
    world.tag("stays", secret="x")
    world.clock.tick(100)
    assert why(world) == {"stays": f"it moved to {X}"}


def test_a_further_secret_is_guarded_by_itself() -> None:
    """A small Secret of a large vault does not empty because the vault as a whole keeps enough."""
    tags = {f"k{n:02}": {"secret": "x"} for n in range(30)}
    world = world_of({**{f"a{n:03}": {} for n in range(100)}, **tags})
    for name in tags:
        world.vaults.delete(world.vault, name)
    told = world.sweep().refused
    assert set(reasons(told).values()) == {"UnsafePlan"}
    assert told.keys() == tags.keys()
    assert f"Secret shop-dev/{X}" in told[SecretName("k00")].message
    assert len(world.held(X)) == 30
    assert world.sweep(removals=True).refused == {}
    assert world.held(X) == {}


# Lost state waits


def test_keys_of_a_lost_state_stay_for_a_pass_and_a_minute() -> None:
    """Keys that no record claims go with the first pass after the state is a minute old."""
    world = World.in_step("a", "b")
    world.cluster.edit(world.target, {STATE: b"{}"})
    world.vaults.delete(world.vault, "b")
    for seconds in (0, 30):
        world.clock.tick(seconds)
        world.sweep()
        assert world.data == {"a": "a's value", "b": "b's value"}
    world.clock.tick(31)
    assert why(world) == {"b": "nothing tells which vault secret it was of"}
    assert world.data == {"a": "a's value"}


@pytest.mark.parametrize("how", ["restored", "exported"])
def test_a_restored_secret_is_ours_by_its_labels(how: str) -> None:
    """Own and further Secrets without our field manager are taken again, and values compared."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    for target in (world.target, world.other("x")):
        stored = world.cluster.secrets[target.place]
        managers = set() if how == "restored" else {"velero"}
        stored.managers = {key: set(managers) for key in stored.fields}
        stored.fields["data", "b" if target.secret == X else "a"] = b"older"
    done = world.sweep()
    assert done.refused == {}
    assert world.secrets == {"": {"a": "a's value"}, "x": {"b": "b's value"}}
    assert_quiet(world)
    world.vaults.delete(world.vault, "b")
    assert world.sweep().refused == {}
    assert world.held(X) == {}


def test_labels_of_another_vault_restore_nothing() -> None:
    """An annotation that somebody copied to a Secret of other labels is not ours to believe."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    other = world.other("x")
    world.cluster.wipe_managers(other)
    world.cluster.edit(other, {("label", "keyvault-sync/number"): b"2"})
    assert reasons(world.sweep().refused) == {"b": "TargetTaken"}


# Several places


def test_one_secret_may_have_several_places() -> None:
    """Its keys are in each of its Secrets; a rotation reaches all, and leaving one is a move."""
    world = world_of({"anchor": {}, "a": {"secret": "x, y", "key": "K"}})
    assert world.secrets == {"": {"anchor": "anchor's value"}, "x": {"K": "a's value"},
                             "y": {"K": "a's value"}}  # fmt: skip
    assert_quiet(world)
    version = world.put("a", "new", secret="x, y", key="K")
    assert world.event(world.hint("a", version)).refused == {}
    assert world.held(X) == world.held(Y) == {"K": "new"}
    world.clock.tick(10)
    world.tag("a", secret="y", key="K")
    world.clock.tick(10)
    assert world.sweep().refused == {}
    assert (world.held(X), world.held(Y)) == ({}, {"K": "new"})
    assert others(world) == {Y: ["a"]}


def test_each_place_is_decided_for_itself() -> None:
    """A place that cannot be had, or that another holds a key in, holds back no other place."""
    world = world_of({"anchor": {}, "holder": {"secret": "x", "key": "K"}})
    world.put("a", "new", secret="x, y", key="K")
    assert reasons(world.sweep().refused) == {"a": "KeyClash"}
    assert (world.held(X), world.held(Y)) == ({"K": "holder's value"}, {"K": "new"})
    forbidden = Permanent(Reason.CLUSTER_FORBIDDEN, "The Role lacks it.")
    world.wire.fail("read", forbidden, X)
    world.put("a", "newer", secret="x, y", key="K")
    world.clock.tick(10)
    assert world.sweep().refused == {"a": forbidden, "holder": forbidden}
    assert world.held(Y) == {"K": "newer"}


def test_a_key_leaves_when_it_is_in_every_new_place() -> None:
    """As long as one of the new places lacks it, the old one keeps it."""
    world = world_of({"anchor": {}, "a": {"key": "K"}})
    world.tag("a", secret="x, y", key="K")
    world.clock.tick(10)
    world.wire.fail("apply", THROTTLED, Y)
    world.sweep()
    assert world.data["K"] == world.held(X)["K"] == "a's value"
    world.wire.recover()
    world.sweep()
    assert "K" not in world.data
    assert world.held(X) == world.held(Y) == {"K": "a's value"}


# Refusals are remembered


def test_a_bad_value_costs_once() -> None:
    """A refused version is neither fetched nor parsed again before something changes."""
    world = world_of({"a": {}})
    world.put("bad", "no object", expand="json")
    world.clock.tick(10)
    first = world.sweep()
    assert reasons(first.refused) == {"bad": "ValueNotOfFormat"}
    for _ in range(2):
        world.clock.tick(300)
        world.wire.calls.clear()
        again = world.sweep()
        assert reasons(again.refused) == {"bad": "ValueNotOfFormat"}
        assert world.wire.calls == [Call("read"), Call("list")]
    assert world.sweep(refetch=True).refused.keys() == {"bad"}
    assert world.wire.count("get") == 2
    world.vaults.touch(world.vault, "bad")
    world.clock.tick(10)
    world.wire.calls.clear()
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("list"), Call("get", "bad"), Call("apply")]
    world.put("bad", '{"K":"v"}', expand="json")
    world.clock.tick(10)
    assert world.sweep().refused == {}
    assert state_of(world).refused == {}


def test_an_event_that_comes_again_reads_a_refused_version_no_more() -> None:
    """The same event, delivered again, costs one read of the Secret."""
    world = world_of({"a": {}})
    version = world.put("bad", "no object", expand="json")
    world.clock.tick(10)
    hint = Hint(SecretName("bad"), version, world.clock())
    world.event(hint)
    world.wire.calls.clear()
    assert reasons(world.event(hint).refused) == {"bad": "ValueNotOfFormat"}
    assert world.wire.calls == [Call("read")]


def test_other_settings_try_a_refused_value_again() -> None:
    """What was refused under other settings may be right under these."""
    world = world_of({"a": {}})
    world.put("bad", '{"a.b":"x","a_b":"y"}', expand="json", key="P")
    world.clock.tick(10)
    styled = replace(world, reconciler=replace(world.reconciler, rules=Rules(style=KeyStyle.ENV)))
    assert reasons(styled.sweep().refused) == {"bad": "KeyTwice"}
    assert world.sweep().refused == {}


def test_what_was_postponed_is_tried_within_the_hour() -> None:
    """A value that one pass had no time for is left for an hour, and then tried again."""
    world = world_of({"a": {}})
    world.put("slow", "x", expand="json")
    tries: list[str] = []

    class Busy(Rules):
        def render(self, placement: Placement, _secret: object, _budget: object) -> Rendered:
            tries.append(placement.base)
            raise Permanent(Reason.CERTIFICATE_POSTPONED, "Too much work for one pass.")

    busy = replace(world, reconciler=replace(world.reconciler, rules=Busy()))
    world.clock.tick(10)
    for _ in range(3):
        assert reasons(busy.sweep().refused)["slow"] == "CertificatePostponed"
        world.clock.tick(300)
    once = tries.count("slow")
    world.clock.tick(POSTPONED_SECONDS)
    busy.sweep()
    world.clock.tick(300)
    busy.sweep()
    assert (once, tries.count("slow")) == (1, 2)


def test_each_refusal_is_remembered_with_its_time() -> None:
    """The own Secret names what is not in: its reason, since when, and which version."""
    world = world_of({"a": {}, "held": {"key": "K"}})
    version = world.put("bad", "no object", expand="json")
    world.put("tag", "x", foo="x")
    world.put("clash", "x", key="K")
    world.wire.fail("get", THROTTLED, "passing")
    world.put("passing", "x")
    began = int(world.clock())
    world.clock.tick(10)
    since = int(world.clock())
    world.sweep()
    world.clock.tick(300)
    world.sweep()
    told = state_of(world).refused
    assert {str(name): each.reason.value for name, each in told.items()} == {
        "bad": "ValueNotOfFormat", "tag": "TagUnknown", "clash": "KeyClash",
    }  # fmt: skip
    assert {(each.since, each.updated) for each in told.values()} == {(since, began)}
    assert told[SecretName("bad")].version == version[:8]


def test_a_vault_of_refused_secrets_alone_remembers_them() -> None:
    """Where nothing can be in, an empty Secret keeps what was refused, so that it costs once."""
    world = World.new()
    world.put("bad", "no object", expand="json")
    world.clock.tick(10)
    world.sweep()
    assert world.secrets == {"": {}}
    world.wire.calls.clear()
    world.sweep()
    assert world.wire.calls == [Call("read"), Call("list")]


def test_an_event_keeps_what_it_did_not_look_at() -> None:
    """A refusal is forgotten when its own secret is fine, and by nobody else's event."""
    world = world_of({"a": {}})
    world.put("bad", "no object", expand="json")
    world.clock.tick(10)
    world.sweep()
    world.event(world.hint("a", world.put("a", "new")))
    assert state_of(world).refused.keys() == {"bad"}
    version = world.put("bad", '{"K":"v"}', expand="json")
    world.event(world.hint("bad", version))
    assert state_of(world).refused == {}
    assert world.data == {"a": "new", "K": "v"}


# What the vault tells of one secret


FAULT = Permanent(Reason.VAULT_ANSWER_BROKEN, "Its entry cannot be read.")


class OddListing(FakeVaults):
    """A vault whose listing has one entry that cannot be read."""

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return the listing, with a fault in the entry of `a`."""
        return [
            replace(each, fault=FAULT) if each.name == "a" else each
            for each in super().list(vault, deadline)
        ]


def test_a_listed_secret_that_cannot_be_read_costs_itself() -> None:
    """An entry with a fault refuses its own secret by name, keeps its key, and stops no other."""
    world = World.in_step("a", "b")
    world.vaults.__class__ = OddListing
    world.put("a", "new")
    world.put("b", "new")
    assert world.sweep().refused == {"a": FAULT}
    assert world.data == {"a": "a's value", "b": "new"}


# Whose annotation


def test_an_index_leads_to_no_other_vaults_own_secret() -> None:
    """Whoever may write the annotation cannot have another vault's Secret visited, or emptied."""
    world = world_of({"a": {}})
    text = json.loads(state(world))
    forged = json.dumps({**text, "others": {"keyvault-2": ["a"], X: ["b"]}})
    world.cluster.secrets[world.target.place].fields[STATE] = forged.encode()
    for asked in ({}, {"removals": True, "takeover": True, "refetch": True}):
        world.wire.calls.clear()
        world.sweep(**asked)
        assert "keyvault-2" not in {call.subject for call in world.wire.calls}
    assert others(world) == {}


def test_a_newer_annotation_is_left_as_it_is() -> None:
    """What a later release wrote is not written, nor is anything read for it."""
    world = world_of({"a": {}, "b": {"secret": "x"}})
    newer = json.dumps({"v": FORMAT + 1, "vault": world.vault.text}).encode()
    world.cluster.secrets[world.other("x").place].fields[STATE] = newer
    world.put("a", "new")
    world.put("b", "new", secret="x")
    assert reasons(world.sweep().refused) == {"b": "StateNewer"}
    assert world.secrets == {"": {"a": "new"}, "x": {"b": "b's value"}}
    world.cluster.secrets[world.target.place].fields[STATE] = newer
    world.put("a", "newer")
    world.wire.calls.clear()
    with pytest.raises(Permanent) as refused:
        world.sweep(removals=True, takeover=True, refetch=True)
    assert refused.value.reason is Reason.STATE_NEWER
    assert world.wire.calls == [Call("read")]
    assert world.data == {"a": "new"}


def test_a_writer_of_other_settings_is_told() -> None:
    """Two apps whose settings shape keys differently say so, each time one follows the other."""
    world = world_of({"db-url": {}})
    styled = replace(world, reconciler=replace(world.reconciler, rules=Rules(style=KeyStyle.ENV)))
    for _ in range(2):
        for app in (styled, world):
            world.clock.tick(300)
            assert [each.reason for each in app.sweep().warnings] == [Reason.SETTINGS_DIFFER]
    world.clock.tick(300)
    assert world.sweep().warnings == ()


def test_an_event_does_not_hide_that_other_settings_wrote_the_rest() -> None:
    """It writes one secret anew, and the next pass the others."""
    world = world_of({"db-url": {}, "a": {}})
    styled = replace(world, reconciler=replace(world.reconciler, rules=Rules(style=KeyStyle.ENV)))
    world.clock.tick(300)
    styled.sweep()
    world.clock.tick(300)
    world.event(world.hint("a", world.put("a", "new")))
    assert world.data == {"DB_URL": "db-url's value", "a": "new"}
    assert [each.reason for each in world.sweep().warnings] == [Reason.SETTINGS_DIFFER]
    assert world.data == {"db-url": "db-url's value", "a": "new"}
    world.clock.tick(300)
    assert not world.sweep().warnings


def test_a_warning_stays_for_as_long_as_its_value() -> None:
    """A pass that fetches nothing tells it as well, in fewer words, and a better value ends it."""
    world = world_of({"2fa": {}})
    rules = Rules(style=KeyStyle.ENV)
    world = replace(world, reconciler=replace(world.reconciler, rules=rules))
    world.clock.tick(300)
    (told,) = world.sweep().warnings[:1]
    assert "'2FA'" in told.message
    world.clock.tick(300)
    gets = len(world.wire.calls)
    (again,) = world.sweep().warnings
    assert (again.source, again.reason) == ("2fa", Reason.KEY_NOT_ENVIRONMENT_NAME)
    assert Call("get", "2fa") not in world.wire.calls[gets:]
    assert '"warnings":{"KeyNotEnvironmentName":["2fa"]}' in state(world)
    world.put("2fa", "x", key="CODE")
    world.clock.tick(300)
    assert world.sweep().warnings == ()
    assert "KeyNotEnvironmentName" not in state(world)


# New vaults


def test_gets_begin_elsewhere_in_each_pass() -> None:
    """A vault that serves a few gets at a time serves others in the next pass: all come in."""
    world = World.new()
    for name in names("key", 60):
        world.put(name, "x")
    left = 0

    def throttle(call: Call) -> None:
        nonlocal left
        if call.verb == "get":
            left -= 1
            if left < 0:
                raise THROTTLED

    world.wire.before = throttle
    for _ in range(8):
        left = 20
        world.clock.tick(300)
        world.sweep()
    assert len(world.data) == 60


def test_a_refusal_is_noted_alike_by_listing_and_by_name() -> None:
    """A pass that lists a wrong tag and a resync by the secret's name leave one note of it."""
    world = World.in_step("a")
    world.put("b", "new", sync="perhaps")
    world.settle()
    writes = world.wire.count("apply")
    for _ in range(3):
        world.sweep()
        world.event(Hint(SecretName("b")))
    assert world.wire.count("apply") == writes
