"""The state annotation's one text form."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.annotation import SECRET_NAME, Record, State, decode, encode

UPDATED = st.integers(0, 16_725_225_599)
RECORDS = st.builds(Record, st.text(max_size=40), UPDATED, st.booleans()) | st.builds(
    Record,
    st.text(max_size=40),
    UPDATED,
    st.booleans(),
    fingerprint=st.text(min_size=1, max_size=8),
    named=st.lists(st.text(max_size=20), max_size=4).map(tuple),
)
STATES = st.builds(
    State,
    vault=st.text(max_size=24),
    written=st.text(max_size=30),
    secrets=st.dictionaries(st.text(max_size=20), RECORDS, max_size=6),
    overruled=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    others=st.dictionaries(
        st.from_regex(SECRET_NAME, fullmatch=True),
        st.lists(st.text(max_size=20), max_size=3).map(tuple),
        max_size=3,
    ),
)


@given(STATES)
def test_a_state_survives_its_text(state: State) -> None:
    """Writing and reading the annotation are inverse."""
    assert decode(encode(state)) == state


@given(STATES)
def test_equal_states_have_equal_texts(state: State) -> None:
    """The order in which records were made leaves no trace, so an apply of it changes nothing."""
    turned = replace(
        state,
        secrets=dict(reversed(list(state.secrets.items()))),
        others=dict(reversed(list(state.others.items()))),
    )
    assert encode(turned) == encode(state)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["vault", "written", "secrets", "a"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(ANY, ANY, ANY)
def test_any_annotation_is_read_or_none(vault: object, written: object, secrets: object) -> None:
    """Whatever somebody wrote there, it is a state or None, and a state can be written again."""
    for text in (
        json.dumps(secrets),
        json.dumps({"vault": vault, "written": written, "secrets": secrets}),
        json.dumps({"vault": "v", "written": "", "secrets": {"a": secrets}}),
        json.dumps({"vault": "v", "written": "", "secrets": {"a": [vault, written, secrets]}}),
    ):
        state = decode(text)
        assert state is None or decode(encode(state)) == state


@given(st.text())
def test_any_text_is_read_or_none(text: str) -> None:
    """Text that is no JSON is no state."""
    assert decode(text) is None


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "NaN", '{"secrets":' * 20_000])
def test_bombs_are_no_state(text: str) -> None:
    """Deep nesting and huge numbers end as None."""
    assert decode(text) is None


@pytest.mark.parametrize("updated", [-1, 10**11, 10**30, 1.5, "1", None], ids=str)
def test_times_that_no_calendar_has_are_no_state(updated: object) -> None:
    """A state whose times cannot be told to an operator is not read at all."""
    fields = {"vault": "v", "written": "", "secrets": {"a": ["v1", updated]}}
    assert decode(json.dumps(fields)) is None


def test_a_record_costs_about_sixty_bytes() -> None:
    """4,000 secrets with names of ten characters fit the 256 KiB of annotations."""
    records = {f"secret{n:04}": Record("f" * 32, 1_767_268_800, settled=True) for n in range(4000)}
    assert len(encode(State("v" * 24, "2026-01-01T12:00:00+00:00", records))) < 256 * 1024


def test_plain_keys_are_written_as_ever() -> None:
    """A Secret without tags has the text that earlier releases wrote, so it stays as it is."""
    text = (
        '{"vault":"v","written":"2026-01-01T12:00:00+00:00",'
        '"secrets":{"a":["v1",1767268800],"b":["v2",1767268800,0]}}'
    )
    state = decode(text)
    assert state is not None
    assert state.secrets["a"].keys("a") == ("a",)
    assert [record.settled for record in state.secrets.values()] == [True, False]
    assert encode(state) == text


def test_what_tags_made_is_written_with_its_keys() -> None:
    """A marked record names its keys, and the vault's own Secret names the others."""
    record = Record("v1", 1, settled=True, fingerprint="m", named=("K", "L"))
    text = encode(State("v", "", {"a": record}, others={"x": ("a",)}))
    assert json.loads(text)["secrets"] == {"a": ["v1", 1, 1, "m", "K", "L"]}
    assert json.loads(text)["others"] == {"x": ["a"]}


def test_an_expanded_secret_costs_little_more_than_its_keys() -> None:
    """A thousand members are remembered in as many names and one version."""
    named = tuple(f"MEMBER_{n:04}" for n in range(1000))
    record = Record("f" * 32, 1_767_268_800, settled=True, fingerprint="0" * 8, named=named)
    text = encode(State("v", "", {"a": record}))
    assert len(text) < sum(len(name) + 3 for name in named) + 150


@pytest.mark.parametrize(
    "secret",
    [
        "../../p2-dev/secrets/keyvault-project",
        "..",
        "web?watch=1",
        "web/status",
        "%2e%2e",
        "we\nb",
        "Web",
        "",
        "w" * 254,
    ],
    ids=repr,
)
def test_a_secret_of_an_impossible_name_is_no_state(secret: str) -> None:
    """Whoever may write the annotation cannot lead the app to another place by it."""
    fields = {"vault": "v", "written": "", "secrets": {}, "others": {secret: ["key"]}}
    assert decode(json.dumps(fields)) is None


@pytest.mark.parametrize("others", [1, ["x"], {"x": 1}, {"x": [1]}, {"x": "ab"}, None], ids=repr)
def test_an_odd_list_of_other_secrets_is_no_state(others: object) -> None:
    """What is not a list of names for each Secret is not believed."""
    fields = {"vault": "v", "written": "", "secrets": {}, "others": others}
    state = decode(json.dumps(fields))
    assert state is None or decode(encode(state)) == state
