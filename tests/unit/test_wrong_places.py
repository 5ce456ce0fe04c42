"""A value where something else belongs is refused or taken as that, and told to nobody."""

import json
from collections.abc import Callable, Mapping
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.app.events import parse
from sync.app.requests import parse_resync
from sync.core.errors import SyncError
from sync.core.vault_names import DEFAULT_PATTERN, Naming
from sync.http_api.principal import entra_principal
from sync.projection.tags import KNOWN, read_tags
from sync.settings.environment import NAMES, read
from tests.kit.scripted import said
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.test_events import ALLOWED, DATA, grid

WORDS = (
    "-----BEGIN PRIVATE KEY-----\n",
    "",
    " ",
    "\n",
    "'",
    '"',
    "{",
    "[",
    "?",
    "@",
    "/",
    ",",
    "(?P<",
    "(?P=",
    "\\",
)
AROUND = st.sampled_from(WORDS)
VALUES = st.builds("{}{}{}".format, AROUND, st.just(PLANTED), AROUND)


def quiet(act: Callable[[], object]) -> None:
    """Do it; what it raises, if anything, has no value in it."""
    try:
        act()
    except SyncError as error:
        spoken = said(error)
        assert leaks(spoken) == []


FIELDS = ("eventType", "topic", "subject", "id", "eventTime", "dataVersion")
NAMED = ("Id", "VaultName", "ObjectType", "ObjectName", "Version", "NBF", "EXP")


@given(field=st.sampled_from(FIELDS), text=VALUES, as_name=st.booleans())
def test_a_value_in_an_event_is_not_quoted(field: str, text: str, *, as_name: bool) -> None:
    """Whatever field of an event, known or not, a value stands in."""
    changes = {text: "x"} if as_name else {field: text}
    quiet(lambda: parse(json.dumps(grid() | changes), ALLOWED))


@given(st.sampled_from(NAMED), VALUES)
def test_a_value_in_the_data_of_an_event_is_not_quoted(field: str, text: str) -> None:
    """Likewise in what the event says of the secret; where it can be the secret's name, it is."""
    quiet(lambda: parse(json.dumps(grid({**DATA, field: text})), ALLOWED))


RESYNC = ("vault", "project", "stage", "all", "secret", "dry_run", "takeover_from")


@given(st.sampled_from(RESYNC), VALUES, st.sampled_from(["value", "name", "raw", "list"]))
def test_a_value_in_a_request_is_not_quoted(field: str, text: str, kind: str) -> None:
    """Whatever field of a resync, or none, a value stands in."""
    body = {
        "value": json.dumps({"all": True, field: text}),
        "name": json.dumps({"all": True, text: True}),
        "raw": text,
        "list": json.dumps({"all": True, field: [text]}),
    }[kind]
    quiet(lambda: parse_resync(body.encode()))


@given(VALUES)
def test_a_value_as_an_event_is_not_quoted(text: str) -> None:
    """Likewise where the event itself is a value."""
    quiet(lambda: parse(text, ALLOWED))


@given(VALUES)
def test_a_value_as_a_vault_is_not_quoted(text: str) -> None:
    """What is no vault's name is told by its length, in answers and in the log."""
    naming = Naming(read({}).naming.pattern)
    assert naming.pattern.pattern == DEFAULT_PATTERN
    quiet(lambda: naming.vault(text))


@given(st.sampled_from(["x-ms-client-principal-idp", "x-ms-client-principal-id"]), VALUES)
def test_a_value_in_a_header_is_not_quoted(header: str, text: str) -> None:
    """Whoever sends a token as the principal does not find it in the answer."""
    headers = {"x-ms-client-principal-idp": "aad", "x-ms-client-principal-id": "x", header: text}
    quiet(lambda: entra_principal(headers))


CLUSTER = (
    *("match", "aks", "server", "ca", "kubeconfig", "context", "audience"),
    *("token_secret", "kubeconfig_secret"),
)


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("around", WORDS, ids=range(len(WORDS)))
def test_a_value_as_a_setting_is_not_quoted(name: str, around: str) -> None:
    """Whatever setting a credential was pasted to by mistake, its faults are told without it."""
    quiet(lambda: read({name: f"{around}{PLANTED}{around}"}))


@given(field=st.sampled_from(CLUSTER), text=VALUES, nested=st.booleans())
def test_a_value_in_a_cluster_is_not_quoted(field: str, text: str, *, nested: bool) -> None:
    """Likewise in the fields of SYNC_CLUSTERS, their names and what they hold."""
    item: Mapping[str, object] = {
        "name": "main",
        "server": "https://a.example",
        field: {"a": text, text: "a"} if nested else text,
    }
    given = [[item], [{**item, text: "x"}], [text], {"a": text}]
    for clusters in map(json.dumps, given):
        quiet(partial(read, {"SYNC_CLUSTERS": clusters}))


@given(st.sampled_from(KNOWN), VALUES)
def test_a_value_as_a_tag_is_not_quoted(tag: str, text: str) -> None:
    """Tags are no place for values: what is wrong of one is told without its text."""
    quiet(lambda: read_tags("name", {tag: text, "other": text}))
