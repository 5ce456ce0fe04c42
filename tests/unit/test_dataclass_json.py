"""JSON and JSON Schema are made of the same dataclass, and so they agree."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.http_api.dataclass_json import Doc, reference, schema_of, to_json


class Word(StrEnum):
    """A word of two."""

    ONE = "one"
    TWO = "two"


@dataclass(frozen=True, slots=True)
class Inner:
    """What is inside of another."""

    text: str


@dataclass(frozen=True, slots=True)
class Outer:
    """A field of every kind."""

    text: Annotated[str, Doc("a text", {"minLength": 1})]
    word: Annotated[Word, Doc("a word")]
    fixed: Literal[True]
    nothing: None
    number: int | None
    texts: tuple[str, ...] | None
    inner: Annotated[Inner | None, Doc("another")]
    several: tuple[Inner | Word, ...]
    left_out: Annotated[Inner | None, Doc("another, if there is one")] = None
    flag: bool = False


OUTER = Outer(
    text="a",
    word=Word.ONE,
    fixed=True,
    nothing=None,
    number=None,
    texts=None,
    inner=None,
    several=(),
)
ANY = st.builds(
    Outer,
    text=st.text(min_size=1),
    word=st.sampled_from(Word),
    fixed=st.sampled_from([True]),
    nothing=st.none(),
    number=st.none() | st.integers(),
    texts=st.none() | st.lists(st.text()).map(tuple),
    inner=st.none() | st.builds(Inner, st.text()),
    several=st.lists(st.builds(Inner, st.text()) | st.sampled_from(Word)).map(tuple),
    left_out=st.none() | st.builds(Inner, st.text()),
    flag=st.booleans(),
)


def validator() -> jsonschema_rs.Draft202012Validator:
    """Return the validator of the outer one."""
    components = {"schemas": {"Inner": schema_of(Inner)}}
    return jsonschema_rs.Draft202012Validator({**schema_of(Outer), "components": components})


def test_a_field_is_described_by_its_type_and_its_words() -> None:
    """Each kind of field has its JSON Schema; one with a default is optional and never null."""
    assert schema_of(Outer) == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "description": "a text"},
            "word": {"type": "string", "enum": ["one", "two"], "description": "a word"},
            "fixed": {"type": "boolean", "enum": [True]},
            "nothing": {"type": "null"},
            "number": {"type": ["integer", "null"]},
            "texts": {"type": ["array", "null"], "items": {"type": "string"}},
            "inner": {"oneOf": [reference(Inner), {"type": "null"}], "description": "another"},
            "several": {
                "type": "array",
                "items": {"oneOf": [reference(Inner), {"type": "string", "enum": ["one", "two"]}]},
            },
            "left_out": {**reference(Inner), "description": "another, if there is one"},
            "flag": {"type": "boolean"},
        },
        "required": [
            *("text", "word", "fixed", "nothing", "number", "texts", "inner", "several"),
        ],
        "additionalProperties": False,
    }


def test_a_default_is_left_out() -> None:
    """What has its default is not in the JSON; whatever else is null is."""
    assert to_json(OUTER) == {
        "text": "a",
        "word": "one",
        "fixed": True,
        "nothing": None,
        "number": None,
        "texts": None,
        "inner": None,
        "several": [],
    }


@given(ANY)
def test_json_is_as_the_schema_says(told: Outer) -> None:
    """Whatever the fields hold is valid by the schema, and nothing else is."""
    document = json.loads(json.dumps(to_json(told)))
    validator().validate(document)
    assert not validator().is_valid({**document, "more": 1})
    assert not validator().is_valid({name: document[name] for name in document if name != "text"})


def test_values_can_be_narrowed() -> None:
    """Where only some values can be, the schema names them."""
    narrowed = schema_of(Outer, word=("two",), flag=(True,))
    assert isinstance(narrowed["properties"], dict)
    assert narrowed["properties"]["word"]["enum"] == ("two",)
    assert narrowed["properties"]["flag"]["enum"] == (True,)


def test_what_has_no_form_in_json_is_a_fault() -> None:
    """Nothing is turned into text by guess: bytes may be a value."""
    with pytest.raises(TypeError, match="bytes has no form in JSON"):
        to_json({"a": [b"x"]})
