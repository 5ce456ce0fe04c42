"""SYNC_APPLICATIONS, the paths in it, and the objects that they are followed in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.applications.declared import declared
from sync.applications.kinds import Kind
from sync.applications.paths import MAX_NAMES, Names, names_in, parse_path
from sync.core.model import SecretName, Variables, VaultName
from sync.settings.applications import read_kinds
from sync.settings.environment import SettingsError, read
from tests.leaks.dye import PLANTED

ENTRY: dict[str, object] = {
    "group": "meta.p6m.dev",
    "version": "v1alpha1",
    "resource": "platformapplications",
    "names": "spec.secrets[*].name",
}


def kinds(*entries: object) -> tuple[Kind, ...]:
    """Read a list of kinds."""
    return read_kinds(json.dumps(entries))


def names(path: str, document: object) -> tuple[set[str], int]:
    """Return what an object lists at that path."""
    found = names_in(parse_path(path), document)
    return set(map(str, found.secrets)), found.unreadable


def test_an_entry_has_defaults() -> None:
    """The Secret is called as the object; which vault it is the namespace tells."""
    (kind,) = kinds(ENTRY)
    assert (str(kind), kind.api) == (
        "platformapplications.meta.p6m.dev", "/apis/meta.p6m.dev/v1alpha1",
    )  # fmt: skip
    assert (kind.secret_of("web"), kind.vault, kind.variables) == ("web", None, Variables())
    (core,) = kinds({"version": "v1", "resource": "configmaps", "names": "data.secrets"})
    assert (str(core), core.api) == ("configmaps", "/api/v1")


def test_an_entry_says_more() -> None:
    """Each field is read."""
    entry = {**ENTRY, "secret": "{name}-env", "allow": ["JAVA_OPTS"], "vault": "MyApp-KV"}
    (kind,) = kinds({**entry, "prefix": {"redis-*": "REDIS_", "*": "{name}_"}})
    assert kind.secret_of("web") == "web-env"
    assert kind.vault == VaultName("myapp-kv")
    assert kind.variables == Variables((("redis-*", "REDIS_"), ("*", "{name}_")), ("JAVA_OPTS",))
    (numbered,) = kinds({**ENTRY, "vault": 2, "prefix": "X_"})
    assert (numbered.vault, numbered.variables.prefixes) == (2, (("*", "X_"),))


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ([], "must be an object"),
        ({}, "must be an object"),
        ({**ENTRY, PLANTED: 1}, "has 1 unknown field(s)"),
        ({**ENTRY, "group": "A"}, "has a group that is a text of 1 characters"),
        ({**ENTRY, "version": "1"}, "has a version"),
        ({**ENTRY, "resource": "Deployments"}, "has a resource"),
        ({**ENTRY, "resource": "secrets/../x"}, "has a resource"),
        ({k: v for k, v in ENTRY.items() if k != "resource"}, "lacks resource"),
        ({k: v for k, v in ENTRY.items() if k != "names"}, "lacks names"),
        ({**ENTRY, "names": "spec..x"}, "path in names that cannot be read from character 5"),
        ({**ENTRY, "names": "[*]"}, "must begin with the name of a member"),
        ({**ENTRY, "names": ""}, "must begin with the name of a member"),
        ({**ENTRY, "names": "a[0]"}, "cannot be read from character 2"),
        ({**ENTRY, "names": ".".join("a" * 21)}, "more than 20 steps"),
        ({**ENTRY, "names": "a" * 501}, "longer than 500 characters"),
        ({**ENTRY, "secret": "A"}, "has a secret"),
        ({**ENTRY, "secret": 1}, "has a secret"),
        ({**ENTRY, "vault": 0}, "has a vault"),
        ({**ENTRY, "vault": True}, "has a vault"),
        ({**ENTRY, "vault": "-"}, "has a vault"),
        ({**ENTRY, "prefix": "X-"}, "has a prefix"),
        ({**ENTRY, "prefix": {"a_b": "X"}}, "has a prefix"),
        ({**ENTRY, "prefix": ["X"]}, "has a prefix"),
        ({**ENTRY, "allow": "PATH"}, "has a allow"),
        ({**ENTRY, "allow": ["PA-TH"]}, "has a allow"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_number(entry: object, fault: str) -> None:
    """What is wrong is said, and nothing of it quoted: it may be a credential."""
    with pytest.raises(ValueError, match="kind 2") as told:
        kinds({"version": "v1", "resource": "pods", "names": "a"}, entry)
    (said,) = told.value.args
    assert fault in said
    assert PLANTED not in said


def test_a_wrong_list_is_refused() -> None:
    """All faults at once, and one kind is there once."""
    for text in ("", "[]", "{}", "1", "[" * 10_000):
        with pytest.raises(ValueError, match="it must be a"):
            read_kinds(text)
    with pytest.raises(ValueError, match="again") as told:
        kinds(ENTRY, ENTRY, {**ENTRY, "version": "-"})
    assert len(told.value.args) == 2


def test_preparing_needs_applications() -> None:
    """Nothing would be prepared without."""
    with pytest.raises(SettingsError, match="SYNC_APPLICATIONS_PREPARE is wrong"):
        read({"SYNC_APPLICATIONS_PREPARE": "true"})
    given = read({"SYNC_APPLICATIONS": json.dumps([ENTRY]), "SYNC_APPLICATIONS_PREPARE": "true"})
    assert (len(given.applications), given.prepare) == (1, True)


@pytest.mark.parametrize(
    ("path", "document", "found", "unreadable"),
    [
        ("spec.secrets[*].name", {"spec": {"secrets": [{"name": "a"}, {"name": "b"}]}}, "ab", 0),
        ("spec.secrets", {"spec": {"secrets": ["a", "b"]}}, "ab", 0),
        ("spec.secrets[*]", {"spec": {"secrets": ["a", "b"]}}, "ab", 0),
        (".a['b.c/d-e']", {"a": {"b.c/d-e": "a, b\n c"}}, "abc", 0),
        ("a[*].b[*].c", {"a": [{"b": [{"c": "a"}]}, {"b": [{"c": "b"}, {}]}, {}]}, "ab", 0),
        ("a", {}, "", 0),
        ("a", {"a": None}, "", 0),
        ("a", {"a": ["", " , "]}, "", 0),
        ("a", {"a": [1, True, {"b": "c"}, "x_y", None]}, "", 4),
        ("a.b", {"a": ["b"]}, "", 0),
        ("a[*]", {"a": "b"}, "", 0),
        ("a", None, "", 0),
    ],
)
def test_a_path_leads_to_names(path: str, document: object, found: str, unreadable: int) -> None:
    """Texts in lists, members of items, and an annotation with several."""
    assert names(path, document) == (set(found), unreadable)


def test_names_that_differ_in_case_are_one_and_there_is_a_limit() -> None:
    """As in Key Vault; more than a Secret could hold are counted."""
    assert names("a", {"a": "x,X"})[0] in ({"x"}, {"X"})
    found = names_in(parse_path("a"), {"a": [f"n{n}" for n in range(MAX_NAMES + 5)]})
    assert (len(found.secrets), found.unreadable) == (MAX_NAMES, 5)


def test_an_object_is_one_of_its_namespace() -> None:
    """Whatever else stands in a list is no object."""
    (kind,) = kinds(ENTRY)
    metadata: dict[str, object] = {"name": "web", "namespace": "shop"}
    whole = {"metadata": metadata, "spec": {"secrets": [{"name": "a"}]}}
    found = declared(kind, whole, "shop")
    assert (found.name, found.names) == ("web", Names(frozenset({SecretName("a")})))
    assert not found.deleting
    going = {"metadata": {**metadata, "deletionTimestamp": "2026-01-01T12:00:00Z"}}
    assert declared(kind, going, "shop").deleting
    odd_names = {"metadata": {**metadata, "name": "../x"}}
    strange: list[object] = [None, [], {}, {"metadata": {"name": "web"}}, odd_names]
    for odd in strange:
        with pytest.raises(ValueError, match="no object"):
            declared(kind, odd, "shop")
    with pytest.raises(ValueError, match="no object"):
        declared(kind, whole, "another")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(st.text(alphabet="abc.[*]'", max_size=12), JSON)
def test_any_path_in_any_object_is_names_or_refused(path: str, document: object) -> None:
    """Nothing else comes out of it."""
    try:
        parsed = parse_path(path)
    except ValueError:
        return
    assert isinstance(names_in(parsed, document), Names)
