"""A value where something else belongs is refused or taken as that, and told to nobody."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
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
from sync.settings.environment import read
from sync.settings.table import NAMES
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


FIELDS = st.sampled_from(("eventType", "topic", "subject", "id", "eventTime", "dataVersion"))
OF_DATA = st.sampled_from(("Id", "VaultName", "ObjectType", "ObjectName", "Version", "NBF", "EXP"))
OF_RESYNC = st.sampled_from(
    ("vault", "project", "stage", "all", "secret", "dry_run", "takeover_from")
)
OF_CLUSTER = st.sampled_from(
    (
        *("match", "aks", "server", "ca", "kubeconfig", "context", "audience"),
        *("token_secret", "kubeconfig_secret"),
    )
)
HEADERS = st.sampled_from(("x-ms-client-principal-idp", "x-ms-client-principal-id"))
PRINCIPAL = {"x-ms-client-principal-idp": "aad", "x-ms-client-principal-id": "x"}
NAMING = Naming(re.compile(DEFAULT_PATTERN, re.IGNORECASE | re.ASCII))


def event(changes: dict[str, object]) -> object:
    """Read an event in which that is otherwise."""
    return parse(json.dumps(grid() | changes), ALLOWED)


def resync(fields: object) -> object:
    """Read a request with these fields."""
    return parse_resync(json.dumps(fields).encode())


def cluster(field: str, text: str) -> Iterator[object]:
    """Return clusters in which the text is a field, one of a field, a name or the whole."""
    item = {"name": "main", "server": "https://a.example"}
    for held in (text, {"a": text, text: "a"}):
        yield from ([{**item, field: held}], [[{**item, field: held}]])
    yield from ([{**item, text: "x"}], [text], {"a": text})


PLACES: Mapping[str, st.SearchStrategy[Callable[[], object]]] = {
    "a field of an event": st.builds(lambda f, v: partial(event, {f: v}), FIELDS, VALUES),
    "the name of a field": VALUES.map(lambda v: partial(event, {v: "x"})),
    "what an event says of the secret": st.builds(
        lambda f, v: partial(event, {"data": {**DATA, f: v}}), OF_DATA, VALUES
    ),
    "an event": VALUES.map(lambda v: partial(parse, v, ALLOWED)),
    "a field of a resync": st.builds(
        lambda f, v: partial(resync, {"all": True, f: v}), OF_RESYNC, VALUES
    ),
    "a list in a resync": st.builds(
        lambda f, v: partial(resync, {"all": True, f: [v]}), OF_RESYNC, VALUES
    ),
    "a field's name in a resync": VALUES.map(lambda v: partial(resync, {"all": True, v: True})),
    "a resync": VALUES.map(lambda v: partial(parse_resync, v.encode())),
    "a vault": VALUES.map(lambda v: partial(NAMING.vault, v)),
    "a header": st.builds(
        lambda h, v: partial(entra_principal, {**PRINCIPAL, h: v}), HEADERS, VALUES
    ),
    "a cluster": st.builds(cluster, OF_CLUSTER, VALUES)
    .map(list)
    .flatmap(st.sampled_from)
    .map(lambda clusters: partial(read, {"SYNC_CLUSTERS": json.dumps(clusters)})),
    "a tag": st.builds(
        lambda tag, v: partial(read_tags, "name", {tag: v, "other": v}),
        st.sampled_from(KNOWN),
        VALUES,
    ),
}


def quiet(act: Callable[[], object]) -> None:
    """Do it; what it raises, if anything, has no value in it."""
    try:
        act()
    except SyncError as error:
        spoken = said(error)
        assert leaks(spoken) == []


@pytest.mark.parametrize("place", PLACES)
@given(data=st.data())
def test_a_value_in_the_wrong_place_is_not_quoted(place: str, data: st.DataObject) -> None:
    """Wherever a value stands by mistake, the refusal tells of it without its text."""
    quiet(data.draw(PLACES[place]))


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("around", WORDS, ids=range(len(WORDS)))
def test_a_value_as_a_setting_is_not_quoted(name: str, around: str) -> None:
    """Whatever setting a credential was pasted to by mistake, its faults are told without it."""
    quiet(lambda: read({name: f"{around}{PLANTED}{around}"}))
