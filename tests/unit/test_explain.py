"""The explanation of a vault: each secret in, on its way, out or failed, where, and why."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.app.explain import Explained, Progress, explain, explained
from sync.core.changes import SyncedSecret
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import STATE_ANNOTATION, Target
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.restarts import Reader
from sync.http_api.convert import explanation_of
from sync.http_api.dataclass_json import to_json
from sync.projection.keys import KeyStyle
from sync.projection.rules import Pattern, Rules
from sync.projection.stages import StagePrefixes
from sync.reconcile.request import ReconcileRequest
from tests.described import named
from tests.kit.apps import app_of
from tests.kit.fakes import Inline, target_of, vault_name
from tests.kit.world import World
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

OWN = "keyvault-project"
STATE = ("annotation", STATE_ANNOTATION)
LOGIN = json.dumps({"username": "postgres", "password": PLANTED})


def in_step(*names: str) -> World:
    """Return a vault of planted secrets, and the Secret that has them."""
    world = World.new()
    for name in names:
        world.put(name, PLANTED)
    world.settle()
    return world


def told(world: World) -> Mapping[str, Explained]:
    """Explain a vault; nothing is written, and no value is told."""
    writes = world.wire.count("apply")
    turn = world.reconciler.look(ReconcileRequest(world.target), world.deadline(), Inline())
    found = explain(
        turn, lambda each, plan: world.reconciler.rehearse(each, plan, world.deadline())
    )
    assert world.wire.count("apply") == writes
    document = explained_json(found)
    named("Explanation").validate(document)
    assert leaks(repr(found) + json.dumps(document)) == []
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def explained_json(told: Iterable[Explained] | SyncError) -> object:
    """Return an explanation as it is answered."""
    return json.loads(json.dumps(to_json(explanation_of(target_of(vault_name()), told))))


def reason(each: Explained) -> str:
    """Return the reason of a failure."""
    assert each.progress is Progress.FAILED
    assert isinstance(each.why, SyncError)
    return each.why.reason


def test_what_is_in_is_told_with_its_place_and_its_version() -> None:
    """A secret in step names its Secret, its keys and the version that they are from."""
    world = World.new()
    version = world.put("db-password", PLANTED)
    world.settle()
    assert told(world)["db-password"] == Explained(
        "db-password", Progress.IN_STEP, (OWN,), ("db-password",), version=version
    )


def test_an_object_is_told_by_its_members() -> None:
    """The keys of an expanded object are those that its value came to."""
    world = World.new()
    version = world.put("postgres", LOGIN, expand="json", key="POSTGRES")
    world.settle()
    keys = ("POSTGRES_password", "POSTGRES_username")
    assert told(world)["postgres"] == Explained(
        "postgres", Progress.IN_STEP, (OWN,), keys, version=version
    )


def test_keys_that_tags_list_are_told_before_they_are_in() -> None:
    """They do not depend on the value."""
    world = World.new()
    world.put("postgres", LOGIN, expand="json", keys="USER=username, PASSWORD={password}")
    found = told(world)["postgres"]
    assert (found.progress, found.keys) == (Progress.WAITING, ("PASSWORD", "USER"))


def test_a_typed_secret_is_told_with_its_type() -> None:
    """A type makes a Secret of its own, and its type is told as Kubernetes spells it."""
    world = World.new()
    world.put("git", LOGIN, type="basic-auth")
    assert told(world)["git"].type == "kubernetes.io/basic-auth"
    world.settle()
    found = told(world)["git"]
    assert (found.progress, found.secrets) == (Progress.IN_STEP, (f"{OWN}-git",))
    assert (found.keys, found.type) == (("password", "username"), "kubernetes.io/basic-auth")
    world.put("beside", PLANTED, secret="git")
    assert told(world)["beside"].type == "kubernetes.io/basic-auth"


def test_what_moved_waits_and_has_the_version_that_is_in() -> None:
    """A new version is not in before the next pass: the version is still that of the keys."""
    world = World.new()
    first = world.put("a", PLANTED)
    world.settle()
    world.put("a", f"{PLANTED} two")
    world.put("b", PLANTED)
    found = told(world)
    assert (found["a"].progress, found["a"].version) == (Progress.WAITING, first)
    assert (found["b"].progress, found["b"].version) == (Progress.WAITING, None)
    world.settle()
    assert {each.progress for each in told(world).values()} == {Progress.IN_STEP}


@pytest.mark.parametrize(
    ("act", "progress", "key"),
    [
        (lambda world: world.vaults.touch(world.vault, "a"), Progress.IN_STEP, "a"),
        (
            lambda world: world.cluster.edit(world.target, {("data", "a"): b"x"}),
            Progress.WAITING,
            "a",
        ),
        (lambda world: world.tag("a", key="A"), Progress.WAITING, "A"),
    ],
    ids=["read again", "tampered with", "renamed"],
)
def test_what_the_next_pass_would_write_waits(
    act: Callable[[World], None], progress: Progress, key: str
) -> None:
    """A changed key waits, and a new name for it is shown before it is there."""
    world = in_step("a")
    act(world)
    assert (told(world)["a"].progress, told(world)["a"].keys) == (progress, (key,))


def test_keys_that_only_a_value_can_tell_are_not_guessed() -> None:
    """An object that was never read has no keys yet, a plain secret has the one of its name."""
    world = World.new()
    world.put("object", LOGIN, expand="json")
    world.put("plain", PLANTED)
    for name in ("object", "plain"):
        world.wire.fail("get", Transient(Reason.VAULT_UNAVAILABLE, "Down."), name)
    found = told(world)
    assert (reason(found["object"]), found["object"].keys) == ("VaultUnavailable", None)
    assert (reason(found["plain"]), found["plain"].keys) == ("VaultUnavailable", ("plain",))
    assert found["object"].secrets == found["plain"].secrets == (OWN,)


def test_keys_that_are_to_change_are_not_told_as_they_were() -> None:
    """One whose tags changed, and that cannot be read since, has keys that nobody knows."""
    world = World.new()
    world.put("a", LOGIN, expand="json")
    world.settle()
    world.wire.fail("get", Transient(Reason.VAULT_UNAVAILABLE, "Down."), "a")
    assert told(world)["a"].keys == ("password", "username")
    world.tag("a", expand="json", key="PG")
    assert (reason(told(world)["a"]), told(world)["a"].keys) == ("VaultUnavailable", None)


def test_a_name_that_is_spelled_anew_is_one_secret() -> None:
    """Names that differ in case alone are one, told as the vault spells it now."""
    world = World.new()
    version = world.put("db", PLANTED)
    world.settle()
    world.vaults.respell(world.vault, "DB")
    (found,) = told(world).values()
    assert (found.name, found.progress, found.keys) == ("DB", Progress.WAITING, ("DB",))
    assert found.version == version


OTHER_STAGE = "it is of stage {}, not dev, and SYNC_STAGE_ALIASES does not make them one"


def test_what_is_out_is_told_why() -> None:
    """Disabled, left out by its tag, by the platform or for its stage: no Secret, no key."""
    rules = Rules(exclude=(Pattern("tmp-*"),), stages=StagePrefixes.STRIP)
    world = World.new(rules=rules)
    world.put("off", PLANTED)
    world.vaults.enable(world.vault, "off", enabled=False)
    world.put("left", PLANTED, sync="false")
    world.put("tmp-a", PLANTED)
    world.put("prod-a", PLANTED)
    world.put("prd-a", PLANTED)
    world.put("dev-a", PLANTED)
    found = dict(told(world))
    assert found.pop("dev-a").keys == ("a",)
    assert {name: each.why for name, each in found.items()} == {
        "off": "it is disabled",
        "left": "its tag k8s-sync is false",
        "tmp-a": "SYNC_EXCLUDE names it (tmp-*)",
        "prd-a": OTHER_STAGE.format("prd"),
        "prod-a": OTHER_STAGE.format("prod"),
    }
    for each in found.values():
        assert (each.progress, each.secrets, each.keys, each.version) == (
            Progress.OUT,
            (),
            (),
            None,
        )


@pytest.mark.parametrize("prune", [True, False])
def test_what_is_to_go_is_told_where_it_still_is(*, prune: bool) -> None:
    """Its keys wait to be removed, and with SYNC_PRUNE never they are out and stay."""
    world = World.new(prune=prune)
    versions = {name: world.put(name, PLANTED) for name in ("deleted", "disabled", "stays")}
    world.settle()
    world.vaults.delete(world.vault, "deleted")
    world.vaults.enable(world.vault, "disabled", enabled=False)
    progress = Progress.WAITING if prune else Progress.OUT
    for name, why in (("deleted", "the vault no longer has it"), ("disabled", "it is disabled")):
        assert told(world)[name] == Explained(
            name, progress, (OWN,), (name,), version=versions[name], why=why
        )
    world.settle()
    assert ("deleted" in told(world)) is not prune


def test_wrong_tags_are_told_and_what_is_in_stays() -> None:
    """One that was in keeps its place and its version; of one that never was nothing is known."""
    world = World.new()
    version = world.put("a", PLANTED)
    world.settle()
    world.tag("a", foo="x")
    world.put("b", PLANTED, foo="x")
    found = told(world)
    assert reason(found["a"]) == reason(found["b"]) == "TagUnknown"
    assert (found["a"].secrets, found["a"].keys, found["a"].version) == ((OWN,), ("a",), version)
    assert (found["b"].secrets, found["b"].keys, found["b"].version) == ((), None, None)


def test_a_value_that_is_no_object_is_told() -> None:
    """What only the value shows to be wrong is told as well, and not the value."""
    world = World.new()
    world.put("a", f"{PLANTED}: {{", expand="json")
    assert reason(told(world)["a"])


def test_both_of_a_clash_are_told() -> None:
    """Two sources for one key fail, and each names the other."""
    world = World.new()
    world.put("a", PLANTED)
    world.put("b", PLANTED, key="a")
    world.put("c", PLANTED)
    found = told(world)
    assert reason(found["a"]) == reason(found["b"]) == "KeyClash"
    assert found["c"].progress is Progress.WAITING
    assert "'a' and 'b'" in str(found["a"].why)
    world.settle()
    assert told(world)["b"].version is None


def test_a_move_waits_for_its_new_place() -> None:
    """A tag that moves a secret shows where it goes, until it is there and no longer here."""
    world = in_step("a", "b")
    world.tag("a", secret="web")
    found = told(world)["a"]
    assert (found.progress, found.secrets) == (Progress.WAITING, (f"{OWN}-web",))
    world.settle()
    found = told(world)["a"]
    assert (found.progress, found.secrets) == (Progress.IN_STEP, (f"{OWN}-web",))
    assert world.cluster.data(world.target).keys() == {"b"}


def test_a_key_that_is_not_free_yet_is_waited_for() -> None:
    """Who takes over the key of one that moves has it once that is in its new place."""
    world = in_step("a")
    world.clock.tick(10)
    world.tag("a", secret="web")
    world.put("b", PLANTED, key="a")
    found = told(world)["b"]
    assert (found.progress, found.secrets, found.keys) == (Progress.WAITING, (OWN,), ("a",))


def test_one_that_cannot_be_read_holds_back_no_other_of_a_new_secret() -> None:
    """A further Secret is made of what can be read, and the rest is told."""
    world = in_step("a")
    for name in ("b", "c"):
        world.put(name, PLANTED, secret="web")
    world.wire.fail("get", Transient(Reason.VAULT_UNAVAILABLE, "Down."), "c")
    found = told(world)
    assert reason(found["c"]) == "VaultUnavailable"
    assert found["b"].progress is Progress.WAITING
    assert found["a"].progress is Progress.IN_STEP


def test_a_secret_of_somebody_else_fails_those_that_ask_for_it() -> None:
    """A Secret that tags ask for and that is not ours fails its secrets, and no others."""
    world = World.new()
    world.put("a", PLANTED)
    world.put("b", PLANTED, secret="web")
    world.cluster.edit(world.other("web"), {("data", "theirs"): b"x"})
    found = told(world)
    assert reason(found["b"]) == "TargetTaken"
    assert (found["b"].secrets, found["b"].keys) == ((f"{OWN}-web",), ("b",))
    assert found["a"].progress is Progress.WAITING


def test_a_secret_that_cannot_be_read_hides_nothing_of_what_was_in_it() -> None:
    """What is remembered of a Secret that is closed to us is failed, in the vault or not."""
    world = World.new()
    world.put("a", PLANTED)
    for name in ("kept", "deleted"):
        world.put(name, PLANTED, secret="web")
    world.settle()
    world.vaults.delete(world.vault, "deleted")
    reads = iter([None])
    world.wire.before = lambda call: (
        None if call.verb != "read" or next(reads, 1) is None else _refuse()
    )
    found = told(world)
    assert reason(found["kept"]) == reason(found["deleted"]) == "ClusterForbidden"
    assert found["deleted"].secrets == (f"{OWN}-web",)
    assert found["a"].progress is Progress.IN_STEP


def _refuse() -> None:
    raise Permanent(Reason.CLUSTER_FORBIDDEN, "The Role lacks it.")


def test_a_write_that_would_be_refused_is_told_before() -> None:
    """What Kubernetes would refuse of a Secret fails its secrets, and leaves others waiting."""
    world = World.new()
    world.put("a", PLANTED)
    world.put("b", PLANTED, secret="web")
    world.settle()
    world.cluster.secrets[world.other("web").place].immutable = True
    assert told(world)["b"].progress is Progress.IN_STEP
    world.put("a", f"{PLANTED} two")
    world.put("b", f"{PLANTED} two", secret="web")
    found = told(world)
    assert reason(found["b"]) == "SecretImmutable"
    assert found["a"].progress is Progress.WAITING


def test_without_the_vaults_own_secret_nothing_new_is_written() -> None:
    """Where the own Secret is refused, what would change in others fails with it."""
    world = World.new()
    world.put("a", PLANTED)
    world.put("b", PLANTED, secret="web")
    world.settle()
    world.cluster.secrets[world.target.place].immutable = True
    world.put("a", f"{PLANTED} two")
    world.put("c", PLANTED, secret="other")
    found = told(world)
    assert reason(found["a"]) == reason(found["c"]) == "SecretImmutable"
    assert found["b"].progress is Progress.IN_STEP
    world.put("b", f"{PLANTED} two", secret="web")
    assert reason(told(world)["b"]) == "SecretImmutable"


def test_keys_that_other_settings_wrote_wait_with_that_reason() -> None:
    """Where two apps write one Secret in turn, each says so of what it would write anew."""
    world = in_step("db-url", "plain")
    styled = replace(world, reconciler=replace(world.reconciler, rules=Rules(style=KeyStyle.ENV)))
    for last, app in ((styled, world), (world, styled)):
        last.settle()
        assert {each.progress for each in told(last).values()} == {Progress.IN_STEP}
        found = told(app)["db-url"]
        assert found.progress is Progress.WAITING
        assert isinstance(found.why, SyncError)
        assert found.why.reason == "SettingsDiffer"
        assert f"Secret {world.target} was last written" in found.why.message
    styled.put("db-url", f"{PLANTED} two")
    assert told(styled)["db-url"].why == "the vault has a newer version, which is not written yet"


def test_what_other_settings_left_out_waits_with_that_reason() -> None:
    """A secret that another app removes, since its settings exclude it, is not called new."""
    world = in_step("a", "b")
    rules = Rules(exclude=(Pattern("b"),))
    replace(world, reconciler=replace(world.reconciler, rules=rules)).settle()
    found = told(world)
    assert isinstance(found["b"].why, SyncError)
    assert (found["b"].progress, found["b"].why.reason) == (Progress.WAITING, "SettingsDiffer")
    assert found["a"].progress is Progress.IN_STEP


def test_a_state_without_a_digest_says_nothing_of_settings() -> None:
    """An old annotation does not say which settings wrote it, so nobody is blamed."""
    world = in_step("a")
    fields = world.cluster.secrets[world.target.place].fields
    fields[STATE] = json.dumps({**json.loads(fields[STATE]), "rules": ""}).encode()
    world.tag("a", key="A")
    assert told(world)["a"].why == (
        "its tags or the settings changed, and its keys are not written anew yet"
    )


def test_json_has_every_field_of_every_secret() -> None:
    """A reason is a word for what failed and a sentence for what is out; the rest has none."""
    found = [
        Explained("a", Progress.IN_STEP, (OWN,), ("a",), "kubernetes.io/tls", "v1"),
        Explained("b", Progress.OUT, keys=(), why="it is disabled"),
        Explained("c", Progress.FAILED, why=Permanent(Reason.TAG_UNKNOWN, "Correct it.")),
    ]
    target = {"cluster": "default", "namespace": "shop-dev", "secret": OWN}
    assert explained_json(found) == {
        "secrets": [
            {
                "name": "a",
                "state": "in step",
                "secrets": [OWN],
                "keys": ["a"],
                "type": "kubernetes.io/tls",
                "version": "v1",
                "reason": None,
                "message": None,
                "target": target,
            },
            {
                "name": "b",
                "state": "out",
                "secrets": [],
                "keys": [],
                "type": None,
                "version": None,
                "reason": "it is disabled",
                "message": None,
                "target": target,
            },
            {
                "name": "c",
                "state": "failed",
                "secrets": [],
                "keys": None,
                "type": None,
                "version": None,
                "reason": "TagUnknown",
                "message": "Correct it.",
                "target": target,
            },
        ]
    }
    assert explained_json(Transient(Reason.VAULT_THROTTLED, "Wait.")) == {
        "reason": "VaultThrottled",
        "message": "Wait.",
        "transient": True,
    }


TAGS = st.fixed_dictionaries(
    {},
    optional={
        "key": st.sampled_from(["K", "a"]),
        "secret": st.sampled_from(["web", "db"]),
        "expand": st.just("json"),
        "sync": st.just("false"),
        "foo": st.just("x"),
    },
)
SECRETS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(TAGS, st.booleans(), st.sampled_from([LOGIN, PLANTED])),
)


@given(before=SECRETS, after=SECRETS)
def test_what_waits_is_what_the_next_pass_writes(
    before: Mapping[str, tuple[Mapping[str, str], bool, str]],
    after: Mapping[str, tuple[Mapping[str, str], bool, str]],
) -> None:
    """Every secret is told; where none waits a pass writes nothing, and after it none waits."""
    world = World.new()
    for secrets in (before, after):
        for name, (tags, enabled, value) in secrets.items():
            world.put(name, value, **tags)
            world.vaults.enable(world.vault, name, enabled=enabled)
        found = told(world)
        assert found.keys() >= secrets.keys()
        waiting = {name for name, each in found.items() if each.progress is Progress.WAITING}
        world.clock.tick(100)
        done = world.sweep(removals=True)
        failed = {name for name, each in found.items() if each.progress is Progress.FAILED}
        assert failed <= done.refused.keys() | found.keys() - told(world).keys()
        if not waiting and not failed:
            assert done.changes == ()
        world.clock.tick(100)
        left = {name for name, each in told(world).items() if each.progress is Progress.WAITING}
        assert left <= failed


def test_readers_of_each_key_are_told_where_workloads_are_restarted() -> None:
    """Each secret has the workloads that read its keys; without the right to list them, none."""
    world = in_step("a", "b")
    asked: list[tuple[str, ...]] = []

    def readers(
        target: Target, secrets: Iterable[SyncedSecret], deadline: Deadline
    ) -> Sequence[Reader]:
        deadline.remaining()
        asked.append((target.namespace, *(key for each in secrets for key in sorted(each.keys))))
        return [Reader("Deployment", "web", OWN, "a", opted=True, changed=1500, running=1400)]

    def forbidden(*_: object) -> Sequence[Reader]:
        raise Permanent(Reason.WORKLOADS_FORBIDDEN, "No.")

    app = app_of(world.reconciler)
    for ask, found in ((readers, 1), (forbidden, 0), (None, 0)):
        (told,) = explained(replace(app, readers=ask), [world.target])
        assert not isinstance(told, SyncError)
        assert [len(each.readers) for each in told] == [found, 0]
        named("Explanation").validate(explained_json(told))
    assert asked == [(world.target.namespace, "a", "b")]
