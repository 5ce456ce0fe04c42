"""Labels by the platform and by tags: which may be asked for, who wins, and when they go."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes.validation import label_fault
from sync.core.annotation import decode, encode
from sync.core.errors import Permanent, Transient
from sync.core.labels import is_name, is_value, labels_of
from sync.core.model import FIELD_MANAGER, STATE_ANNOTATION
from sync.core.reasons import Reason
from sync.core.state import State
from sync.projection.rules import Rules
from sync.projection.tags import read_tags
from sync.settings.environment import SettingsError, read
from tests.kit.fakes import Call
from tests.kit.world import World

TEAM = {"team": "team"}
ALLOWED = Rules(label_tags=(("team", "team"), ("tier", "example.org/Tier")))


def world_of(secrets: Mapping[str, Mapping[str, str]], rules: Rules = ALLOWED) -> World:
    """Return a vault of tagged secrets, each with its name's value, and its Secrets in step."""
    world = World.new(rules=rules)
    for name, tags in secrets.items():
        world.put(name, f"{name}'s value", **tags)
    world.settle()
    return world


def under(world: World, rules: Rules) -> World:
    """Return the same world under other settings."""
    return replace(world, reconciler=replace(world.reconciler, rules=rules))


def labelled(world: World, word: str = "") -> Mapping[str, str]:
    """Return a Secret's labels beside those that say whose it is."""
    target = world.other(word) if word else world.target
    found = world.cluster.secrets[target.place].part("label")
    return {k: v.decode() for k, v in found.items() if k not in labels_of(target)}


def state_of(world: World) -> State:
    """Return the state that the vault's own Secret remembers."""
    text = world.cluster.secrets[world.target.place].part("annotation")[STATE_ANNOTATION]
    state = decode(text.decode())
    assert state is not None
    return state


def assert_quiet(world: World) -> None:
    """Check that a pass over what is in step fetches and writes nothing."""
    world.settle()
    world.sweep()
    assert {call.verb for call in world.wire.calls} == {"read", "list"}


# Settings and tags


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("team=shop, env=dev", (("env", "dev"), ("team", "shop"))),
        ("example.org/Cost-Centre=A.1_b", (("example.org/Cost-Centre", "A.1_b"),)),
        ("app.kubernetes.io/part-of=shop", (("app.kubernetes.io/part-of", "shop"),)),
        ("cluster.x-k8s.io/provider=a", (("cluster.x-k8s.io/provider", "a"),)),
        ("watched=", (("watched", ""),)),
        (",", ()),
    ],
)
def test_labels_of_the_platform(text: str, parsed: object) -> None:
    """Labels are NAME=VALUE, and a value may be empty."""
    assert read({"SYNC_LABELS": text}).rules.labels == parsed


RESERVED = [
    "app.kubernetes.io/managed-by",
    "keyvault-sync/project",
    "keyvault-sync/anything",
    "kubernetes.io/metadata.name",
    "node-role.kubernetes.io/worker",
    "secrets-store.csi.k8s.io/managed",
    "reconcile.external-secrets.io/managed",
    "kustomize.toolkit.fluxcd.io/name",
]


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_labels_are_for_no_setting_and_no_tag(name: str) -> None:
    """Whose the Secret is, what is Kubernetes' own and other owners' marks cannot be asked for."""
    for setting, text in (("SYNC_LABELS", f"{name}=a"), ("SYNC_LABEL_TAGS", name)):
        with pytest.raises(SettingsError, match=f"{setting} is wrong: label 1 (is|says)"):
            read({setting: text})
    with pytest.raises(Permanent, match="and no tag may set it") as refused:
        read_tags("a", {f"k8s-label-{name}": "a"})
    assert refused.value.reason is Reason.TAG_WRONG


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        *(("SYNC_LABELS", text) for text in ("team", "=a", "a=b,a=c", "-a=b", "a=-", "a=b c")),
        *(("SYNC_LABELS", text) for text in ("a/b/c=d", "/a=b", "a_b/c=d", f"a={'x' * 64}")),
        *(("SYNC_LABELS", text) for text in (f"{'x' * 64}=a", f"{'x.' * 127}x/a=b", "A.b/c=d")),
        *(("SYNC_LABEL_TAGS", text) for text in ("-", "a b", "a,A", "a=x,b=x", "a=", "*", "a/=b")),
    ],
)
def test_wrong_settings_of_labels(setting: str, text: str) -> None:
    """What is no label, or is there twice, is told with the setting's name."""
    with pytest.raises(SettingsError, match=f"^{setting} is wrong: ") as wrong:
        read({setting: text})
    assert len(wrong.value.faults) == 1


def test_the_labels_that_tags_may_set() -> None:
    """A tag is named as the label, in any case, or as the platform says."""
    text = "team, argo=argocd.argoproj.io/secret-type, example.org/Tier"
    assert dict(read({"SYNC_LABEL_TAGS": text}).rules.label_tags) == {
        "team": "team",
        "argo": "argocd.argoproj.io/secret-type",
        "example.org/tier": "example.org/Tier",
    }


@given(st.text(max_size=70) | st.from_regex(r"[-._A-Za-z0-9]{0,64}", fullmatch=True))
def test_values_are_what_kubernetes_takes(text: str) -> None:
    """A label's value is ours to take exactly where the API server takes it."""
    assert is_value(text) is (label_fault(text) == "" and text.isascii())


@given(st.from_regex(r"[-._A-Za-z0-9]{0,64}(/[-._A-Za-z0-9]{0,64})?", fullmatch=True))
def test_names_without_prefix_are_values_with_a_character(text: str) -> None:
    """A name's last part follows the rule of values, and is not empty."""
    prefix, slash, name = text.rpartition("/")
    if is_name(text):
        assert name
        assert is_value(name)
        assert bool(slash) is bool(prefix)
        assert prefix == prefix.lower()


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"k8s-label-owner": "a"}, "the platform allows one by its name in SYNC_LABEL_TAGS"),
        ({"k8s-label-": "a"}, "must name a label, as k8s-label-team"),
        ({"k8s-label-team": "a b"}, "'k8s-label-team' must be at most 63 characters"),
        ({"k8s-label-team": "x" * 64}, "'k8s-label-team' must be at most 63 characters"),
        ({"k8s-label-team": "a", "K8S-Label-Team": "a"}, "is there in several spellings"),
        ({"k8s-label-tier": "a"}, "the platform allows one by its name in SYNC_LABEL_TAGS"),
    ],
)
def test_wrong_tags_of_labels(tags: Mapping[str, str], told: str) -> None:
    """A label that nobody allowed and a value that no label has are refused by name."""
    with pytest.raises(Permanent) as refused:
        read_tags("a", tags, TEAM)
    assert refused.value.reason is Reason.TAG_WRONG
    assert told in refused.value.message


def test_a_tag_asks_for_a_label_in_any_case() -> None:
    """The label is spelled as the platform spells it; an empty value is one."""
    allowed = {"example.org/tier": "example.org/Tier", "team": "team"}
    tags = {"K8S-LABEL-Example.org/TIER": " Web ", "k8s-label-team": ""}
    assert read_tags("a", tags, allowed).labels == (("example.org/Tier", "Web"), ("team", ""))
    assert not read_tags("a", {"k8s-sync": "false", "k8s-label-x": "a"}, allowed).sync


def test_a_tag_that_is_nearly_ours_is_unknown() -> None:
    """A mistyped tag is told with the one that may be meant."""
    with pytest.raises(Permanent, match="perhaps k8s-label-NAME is meant") as refused:
        read_tags("a", {"k8s-lable-name": "a"}, TEAM)
    assert refused.value.reason is Reason.TAG_UNKNOWN


# Secrets


def test_every_secret_has_the_platforms_labels() -> None:
    """Own and further Secrets get them; a change of the setting fetches nothing."""
    world = world_of({"a": {}, "b": {"secret": "x"}}, Rules(labels=(("env", "dev"), ("t", "1"))))
    assert labelled(world) == labelled(world, "x") == {"env": "dev", "t": "1"}
    assert_quiet(world)
    world.wire.calls.clear()
    changed = under(world, Rules(labels=(("env", "prod"),)))
    assert changed.sweep().refused == {}
    assert {call.verb for call in world.wire.calls} == {"read", "list", "apply"}
    assert labelled(world) == labelled(world, "x") == {"env": "prod"}
    assert_quiet(changed)


def test_a_change_of_the_setting_loses_no_state() -> None:
    """Whose a restored Secret is, the labels of the contract say, whatever the platform adds."""
    world = world_of({"a": {}, "b": {"secret": "x"}}, Rules(labels=(("env", "dev"),)))
    for target in (world.target, world.other("x")):
        world.cluster.wipe_managers(target)
    changed = under(world, Rules(labels=(("env", "prod"), ("more", ""))))
    assert changed.sweep().refused == {}
    assert labelled(world, "x") == {"env": "prod", "more": ""}
    assert_quiet(changed)


def test_tags_set_labels_where_their_secret_goes() -> None:
    """Each place of the secret has the label, and no other Secret; the platform's gives way."""
    world = world_of(
        {
            "a": {},
            "b": {"secret": "x, y", "label-team": "shop", "label-tier": "web"},
            "c": {"secret": "y", "label-team": "shop"},
        },
        replace(ALLOWED, labels=(("team", "none"),)),
    )
    assert labelled(world) == {"team": "none"}
    assert labelled(world, "x") == labelled(world, "y")
    assert labelled(world, "x") == {"team": "shop", "example.org/Tier": "web"}
    assert_quiet(world)


def test_a_label_goes_with_the_last_that_asks_for_it() -> None:
    """A retag, a move and a deletion take the label away; others' labels and values stay."""
    world = world_of({"a": {"label-team": "shop"}, "b": {"label-team": "shop"}})
    world.cluster.edit(world.target, {("label", "mine"): b"kept"})
    world.tag("a", key="A")
    world.settle()
    assert labelled(world) == {"team": "shop", "mine": "kept"}
    world.put("b", "b's value", secret="x", **{"label-team": "shop"})
    world.settle()
    assert labelled(world) == {"mine": "kept"}
    assert labelled(world, "x") == {"team": "shop"}
    world.vaults.delete(world.vault, "b")
    world.settle()
    assert labelled(world, "x") == {}
    assert world.data == {"A": "a's value"}
    assert_quiet(world)


def test_an_event_brings_a_label_and_leaves_those_of_others() -> None:
    """Of secrets that an event does not name the records say what they ask for."""
    world = world_of({"a": {"label-team": "shop"}, "b": {}})
    version = world.put("b", "new", **{"label-tier": "web"})
    assert world.event(world.hint("b", version)).refused == {}
    assert labelled(world) == {"team": "shop", "example.org/Tier": "web"}
    assert {call.verb for call in world.wire.calls} == {"read", "get", "apply"}


def test_drift_of_a_label_is_repaired() -> None:
    """Whoever changes or removes a label that was asked for gets it back with the next pass."""
    world = world_of({"a": {"label-team": "shop"}}, replace(ALLOWED, labels=(("env", "dev"),)))
    for changes in (
        {("label", "team"): b"other"},
        {("label", "team"): None, ("label", "env"): None},
    ):
        world.cluster.edit(world.target, changes)
        assert world.sweep().refused == {}
        assert labelled(world) == {"team": "shop", "env": "dev"}
    assert_quiet(world)


def test_a_label_that_is_no_longer_allowed_goes() -> None:
    """Its secret is refused and keeps its value; allowed again, the label is back."""
    world = world_of({"a": {"label-team": "shop"}})
    forbidden = under(world, Rules())
    (error,) = forbidden.sweep().refused.values()
    assert error.reason is Reason.TAG_WRONG
    assert (world.data, labelled(world)) == ({"a": "a's value"}, {})
    assert world.sweep().refused == {}
    assert labelled(world) == {"team": "shop"}
    assert_quiet(world)


def test_a_version_without_its_label_tags_is_refused() -> None:
    """A set that forgets the tags takes no label from a Secret."""
    world = world_of({"a": {"label-team": "shop"}})
    world.put("a", "new")
    assert [each.reason for each in world.sweep().refused.values()] == [Reason.TAGS_LOST]
    assert (world.data, labelled(world)) == ({"a": "a's value"}, {"team": "shop"})


@pytest.mark.parametrize("how", ["pass", "event"])
def test_who_has_a_label_keeps_it(how: str) -> None:
    """A newcomer with another value is refused, and the holder goes on; agreed, both are in."""
    world = world_of({"a": {"label-team": "shop"}})
    version = world.put("b", "b's value", **{"label-team": "till"})
    done = world.sweep() if how == "pass" else world.event(world.hint("b", version))
    assert {n: e.reason for n, e in done.refused.items()} == {"b": Reason.LABELS_DIFFER}
    world.settle()  # what is settled is remembered as refused, and looked at again all the same
    assert "'a' has there" in done.refused[next(iter(done.refused))].message
    world.put("a", "newer", **{"label-team": "shop"})
    assert world.sweep().refused.keys() == {"b"}
    assert (world.data, labelled(world)) == ({"a": "newer"}, {"team": "shop"})
    world.put("a", "newest", **{"label-team": "till"})
    assert world.sweep().refused == {}
    assert (world.data, labelled(world)) == (
        {"a": "newest", "b": "b's value"},
        {"team": "till"},
    )
    assert_quiet(world)


def test_where_nobody_has_a_label_all_that_differ_are_refused() -> None:
    """Neither name nor age decides, and what agrees or asks for nothing is not held back."""
    world = World.new(rules=ALLOWED)
    for name, team in (("a", "shop"), ("b", "till")):
        world.put(name, name, **{"label-team": team})
    world.put("c", "c", **{"label-tier": "web"})
    refused = world.sweep().refused
    assert refused.keys() == {"a", "b"}
    assert all("'a' and 'b' with different values" in each.message for each in refused.values())
    assert (world.data, labelled(world)) == ({"c": "c"}, {"example.org/Tier": "web"})


def test_a_sole_holder_changes_its_label() -> None:
    """Two that have the label change it together, one alone whenever it likes."""
    world = world_of({"a": {"label-team": "1"}})
    world.tag("a", **{"label-team": "2"})
    world.clock.tick(10)
    assert world.sweep().refused == {}
    assert labelled(world) == {"team": "2"}


def test_a_label_of_ours_that_nothing_asks_for_goes() -> None:
    """What our field manager owns and no setting and no tag asks for is removed."""
    world = world_of({"a": {}})
    stored = world.cluster.secrets[world.target.place]
    stored.fields["label", "left"] = b"over"
    stored.managers["label", "left"] = {FIELD_MANAGER}
    world.sweep()
    assert labelled(world) == {}
    assert_quiet(world)


def test_a_release_that_knows_no_labels_costs_nothing() -> None:
    """A roll-back drops the labels and their record; the release after it brings both back."""
    world = world_of({"a": {"label-team": "shop"}})
    stored = world.cluster.secrets[world.target.place]
    state = state_of(world)
    records = {name: replace(record, labels=()) for name, record in state.secrets.items()}
    stored.fields["annotation", STATE_ANNOTATION] = encode(replace(state, secrets=records)).encode()
    del stored.fields["label", "team"], stored.managers["label", "team"]
    assert world.sweep().refused == {}
    assert labelled(world) == {"team": "shop"}
    assert_quiet(world)


def test_noting_a_failure_keeps_the_labels() -> None:
    """A vault that cannot be read takes no label from its Secret."""
    world = world_of({"a": {"label-team": "s"}}, replace(ALLOWED, labels=(("env", "dev"),)))
    before = labelled(world)
    world.wire.fail("list", Transient(Reason.VAULT_UNAVAILABLE, "503"))
    with pytest.raises(Transient):
        world.sweep()
    assert state_of(world).failure is not None
    assert labelled(world) == before == {"team": "s", "env": "dev"}


def test_a_dry_run_labels_nothing() -> None:
    """A rehearsal over several turns ends, and the Secret is as it was."""
    world = world_of({"a": {}, "b": {"label-team": "s"}})
    world.tag("b", secret="x", **{"label-team": "s"})
    world.clock.tick(10)
    assert world.sweep(dry_run=True).refused == {}
    assert labelled(world) == {"team": "s"}
    assert Call("apply") not in world.wire.calls
