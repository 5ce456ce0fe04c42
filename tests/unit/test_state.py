"""The state annotation's one text form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.state import Record, State, decode, encode

RECORDS = st.builds(
    Record,
    version=st.text(max_size=40),
    updated=st.integers(0, 16_725_225_599),
    settled=st.booleans(),
)
STATES = st.builds(
    State,
    vault=st.text(max_size=24),
    written=st.text(max_size=30),
    secrets=st.dictionaries(st.text(max_size=20), RECORDS, max_size=6),
)


@given(STATES)
def test_a_state_survives_its_text(state: State) -> None:
    """Writing and reading the annotation are inverse."""
    assert decode(encode(state)) == state


@given(STATES)
def test_equal_states_have_equal_texts(state: State) -> None:
    """The order in which records were made leaves no trace, so an apply of it changes nothing."""
    turned = dict(reversed(list(state.secrets.items())))
    assert encode(State(state.vault, state.written, turned)) == encode(state)


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
