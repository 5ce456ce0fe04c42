"""From what a client sends to an object: structure, unknown fields, conversions and defaults."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from local.kubernetes.documents import Document, Json, child, strings, text, texts
from local.kubernetes.kinds import NAMESPACE, SECRET, Keyed, Kind, Leaf, Map, Members, Node, Struct

NAME_LABEL = "kubernetes.io/metadata.name"
_GO_TYPES = {
    "bytes": "[]uint8",
    "boolean": "bool",
    "integer": "int64",
    "list": "[]string",
    "object": "v1.RoleRef",
}


class DecodeError(ValueError):
    """A document that is no object of its kind; the text is the real server's."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object in its stored form, and the fields that were dropped as unknown."""

    document: Document
    unknown: tuple[str, ...]


def decode(kind: Kind, document: Json) -> Decoded:
    """Parse, convert and default an object; raise `DecodeError` where it is none."""
    if not isinstance(document, dict):
        raise DecodeError(
            "couldn't get version/kind; json parse error: json: cannot unmarshal "
            f"{_json_type(document)} into Go value of type struct {{ APIVersion string }}"
        )
    unknown: list[str] = []
    known = _known(kind.schema, document, "", kind.name, unknown)
    assert isinstance(known, dict)
    known |= {"apiVersion": kind.api_version, "kind": kind.name}
    if kind is SECRET:
        known = _secret(known)
    elif kind is NAMESPACE:
        known = _namespace(known)
    return Decoded(known, tuple(unknown))


def _known(node: Node, value: Json, path: str, where: str, unknown: list[str]) -> Json:
    """Return the value without unknown fields and without what Go would leave out as empty."""
    match node, value:
        case Struct(), dict():
            return _known_fields(node, value, path, where, unknown)
        case Map(element), dict():
            return {key: _scalar(element, item, where) for key, item in value.items()}
        case Keyed() | Members(), list():
            return value
        case Leaf(), _:
            return _scalar(node, value, where)
        case _:
            raise _wrong_type(node, value, where)


def _known_fields(
    node: Struct, value: Document, path: str, where: str, unknown: list[str]
) -> Document:
    kept: Document = {}
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        if key not in node.fields:
            unknown.append(below)
        elif item is not None:
            known = _known(node.fields[key], item, below, f"{where}.{key}", unknown)
            if known not in ({}, [], "", False):
                kept[key] = known
    return kept


def _scalar(node: Leaf, value: Json, where: str) -> Json:
    match node.type, value:
        case "bytes", str() | None:
            return _base64(value or "")
        case "string", str() | None:
            return value or ""
        case ("list", list()) | ("object", dict()) | ("boolean", bool()):
            return value
        case "integer", int() if not isinstance(value, bool):
            return value
        case _:
            raise _wrong_type(node, value, where)


def _wrong_type(node: Node, value: Json, where: str) -> DecodeError:
    return DecodeError(
        f"json: cannot unmarshal {_json_type(value)} into Go struct field {where} "
        f"of type {_go_type(node)}"
    )


def _base64(value: str) -> str:
    """Check a value as Go decodes it: canonical alphabet and padding, line breaks ignored."""
    packed = value.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"illegal base64 data at input byte {_first_bad(packed)}") from error
    return packed


def _first_bad(value: str) -> int:
    for position, character in enumerate(value):
        if not (character.isascii() and (character.isalnum() or character in "+/")):
            return position
    return len(value) // 4 * 4


def _json_type(value: Json) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"


def _go_type(node: Node) -> str:
    match node:
        case Leaf(name):
            return _GO_TYPES.get(name, name)
        case Map(Leaf("bytes")):
            return "map[string][]uint8"
        case Map():
            return "map[string]string"
        case Keyed():
            return "[]v1.OwnerReference"
        case Members():
            return "[]string"
        case Struct():
            return "v1.ObjectMeta"


def _secret(document: Document) -> Document:
    plain = texts(document, "stringData")
    stored = {key: value for key, value in document.items() if key != "stringData"}
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        stored["data"] = {**child(document, "data"), **encoded}
    stored.setdefault("type", "Opaque")
    return stored


def _namespace(document: Document) -> Document:
    metadata = child(document, "metadata")
    name = text(metadata, "name")
    if not name:
        return document
    labels = strings({**texts(metadata, "labels"), NAME_LABEL: name})
    return {**document, "metadata": {**metadata, "labels": labels}}


def decoded_data(document: Document) -> dict[str, bytes]:
    """Return a Secret's data, decoded."""
    return {key: base64.b64decode(value) for key, value in texts(document, "data").items()}


def data_size(document: Document) -> int:
    """Return the bytes of a Secret's data, decoded, as the limit counts them."""
    return sum(_decoded_size(value) for value in texts(document, "data").values())


def _decoded_size(value: str) -> int:
    return len(value) // 4 * 3 - value[-2:].count("=")


def unknown_fields(unknown: tuple[str, ...]) -> Iterator[str]:
    """Yield what the server says about each unknown field."""
    return (f'unknown field "{field}"' for field in unknown)
