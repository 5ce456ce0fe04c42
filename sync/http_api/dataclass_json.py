"""Makes JSON and JSON Schema from dataclasses, by the types and descriptions of their fields.

A field with a default is optional: JSON omits it if it has the default, and the schema does not
require it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

type Json = str | int | bool | Sequence["Json"] | Mapping[str, "Json"] | None
type Schema = Mapping[str, Json]

_SCALARS: Mapping[object, str] = {str: "string", bool: "boolean", int: "integer", NoneType: "null"}


@dataclass(frozen=True, slots=True)
class Doc:
    """A field's description, as metadata of `Annotated`; `more` are keywords of its schema."""

    text: str
    more: Schema | None = None


def to_json(told: object) -> Json:
    """Return dataclasses, and lists and mappings of them, as JSON; raises TypeError."""
    match told:
        case str() | int() | None:  # bool is an int
            return told
        case list() | tuple():
            return [to_json(each) for each in told]
        case dict():
            return {str(name): to_json(each) for name, each in told.items()}
        case _ if is_dataclass(told):
            values = ((field, getattr(told, field.name)) for field in fields(told))
            return {
                field.name: to_json(value)
                for field, value in values
                if not (_is_optional(field) and value == field.default)
            }
    raise TypeError(f"{type(told).__name__} has no form in JSON.")


def reference(answer: type) -> Schema:
    """Return a reference to a dataclass's schema in the document's components."""
    return {"$ref": f"#/components/schemas/{answer.__name__}"}


def schema_of(answer: type, **narrowed: Sequence[Json]) -> Schema:
    """Return a dataclass's schema; `narrowed` restricts fields to the given values."""
    hints = get_type_hints(answer, include_extras=True)
    optional = {field.name for field in fields(answer) if _is_optional(field)}
    properties = {
        name: described(hints[name], optional=name in optional)
        | ({"enum": narrowed[name]} if name in narrowed else {})
        for name in sorted(hints, key=lambda name: name in optional)
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _is_optional(field: Field[object]) -> bool:
    return field.default is not MISSING


def described(hint: object, *, optional: bool = False) -> dict[str, Json]:
    """Return the schema of a type; an optional one without null, which JSON omits."""
    if get_origin(hint) is Annotated:
        held, doc = get_args(hint)
        more: Schema = doc.more or {}
        return {**described(held, optional=optional), "description": doc.text, **more}
    if get_origin(hint) in {Union, UnionType}:
        forms = [form for form in get_args(hint) if not (optional and form is NoneType)]
        return _any_of([described(form) for form in forms])
    if get_origin(hint) is Literal:
        words = list(get_args(hint))
        return {"type": _SCALARS[type(words[0])], "enum": words}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": described(get_args(hint)[0])}
    return _of_type(hint)


def _of_type(hint: object) -> dict[str, Json]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [word.value for word in hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        return dict(reference(hint))
    return {"type": _SCALARS[hint]}


def _any_of(forms: Sequence[dict[str, Json]]) -> dict[str, Json]:
    match forms:
        case [only]:
            return only
        case [{"type": str(held), **rest}, {"type": "null"}]:
            return {"type": [held, "null"], **rest}
    return {"oneOf": forms}
