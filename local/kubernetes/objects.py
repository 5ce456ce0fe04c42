"""Reads objects from what a client sends: bodies, structure, unknown fields and defaults."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.kubernetes.documents import (
    Document,
    Json,
    child,
    parse_json,
    parse_yaml,
    strings,
    text,
    texts,
)
from local.kubernetes.kinds import NAMESPACE, SECRET, Kind
from local.kubernetes.nodes import Atomic, Items, Keyed, Leaf, Map, Members, Node, Struct
from local.kubernetes.patch import PatchType
from local.kubernetes.protobuf import MEDIA_TYPE, parse_protobuf
from local.kubernetes.status import ApiError, bad_request
from local.kubernetes.workloads import POD, WORKLOADS, defaulted

JSON = "application/json"
_YAML = "application/yaml"
_READERS: Mapping[str, Callable[[bytes], Json]] = {
    JSON: parse_json,
    _YAML: parse_yaml,
    MEDIA_TYPE: parse_protobuf,
}

NAME_LABEL = "kubernetes.io/metadata.name"
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "any": object,
    "boolean": bool,
    "integer": int,
    "integer or string": (int, str),
    "list": list,
    "number": (int, float),
    "object": dict,
}
_UNSUPPORTED = "the body of the request was in an unknown format - accepted media types include: "


class DecodeError(ValueError):
    """A document that is not an object of its kind."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object in its stored form, and the unknown fields that were dropped."""

    document: Document
    unknown: tuple[str, ...]

    @property
    def told(self) -> tuple[str, ...]:
        """The server's warnings about the unknown fields."""
        return tuple(f'unknown field "{name}"' for name in self.unknown)

    def check(self, validation: str) -> None:
        """Raise `DecodeError` for unknown fields if the write demands strict validation."""
        if self.unknown and validation == "Strict":
            raise DecodeError(f"strict decoding error: {', '.join(self.told)}")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is noted of an object while it is read; a custom kind keeps what is empty."""

    keeps_empty: bool
    unknown: list[str] = field(default_factory=list)

    def keeps(self, path: str) -> bool:
        return self.keeps_empty and not path.startswith("metadata")


def read_object(raw: bytes, media: str, kind: str) -> Document:
    """Read an object of that kind, or options; null counts as an empty one."""
    read = _READERS.get(media or JSON)
    if read is None:
        raise ApiError(415, "UnsupportedMediaType", _UNSUPPORTED + ", ".join(_READERS))
    try:
        value = read(raw)
    except ValueError as error:
        raise bad_request(f"the object provided is no {kind}: {error}") from error
    return _object(value, kind)


def read_patch(raw: bytes, how: PatchType) -> Json:
    """Read an applied configuration, which is YAML, or another type of patch, which is JSON."""
    try:
        value = parse_yaml(raw) if how == "apply" else parse_json(raw)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    return value if how == "json" and isinstance(value, list) else _object(value, "patch")


def _object(value: Json, kind: str) -> Document:
    if not isinstance(value, dict | None):
        raise bad_request(f"the object provided is no {kind}: it is no JSON object")
    return value or {}


def decode(kind: Kind, document: Document) -> Decoded:
    """Parse, convert and default an object; raises `DecodeError` if it is invalid."""
    version = text(document, "apiVersion") or kind.api_version
    name = text(document, "kind") or kind.name
    if (version, name) != (kind.api_version, kind.name):
        raise DecodeError(f'it is a {name} in version "{version}"')
    reading = _Reading(keeps_empty=kind.custom)
    known = _known(kind.schema, document, "", reading)
    assert isinstance(known, dict)
    known |= {"apiVersion": kind.api_version, "kind": kind.name}
    if kind is SECRET:
        known = _secret(known)
    elif kind is NAMESPACE:
        known = _namespace(known)
    elif kind is POD or kind in WORKLOADS:
        known = defaulted(kind, known)
    return Decoded(known, tuple(reading.unknown))


def decode_sent(kind: Kind, body: Json, validation: str) -> Decoded:
    """Decode the body of a create or an update; 400 if it is invalid."""
    assert isinstance(body, dict)
    try:
        decoded = decode(kind, body)
        decoded.check(validation)
    except DecodeError as error:
        label = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}'
        raise bad_request(f"{label}: {error}") from error
    return decoded


def _known(node: Node, value: Json, path: str, reading: _Reading) -> Json:
    """Return the value without unknown fields and without what Go would omit as empty."""
    match node, value:
        case (Struct() as struct) | Atomic(struct), dict():
            return _known_fields(struct, value, path, reading)
        case Map(element), dict():
            return {key: _known(element, item, path, reading) for key, item in value.items()}
        case Keyed(item=element) | Items(element), list():
            return [
                _known(element, item, f"{path}[{index}]", reading)
                for index, item in enumerate(value)
            ]
        case Members(element), list():
            return [_scalar(element, item, path) for item in value]
        case Leaf(), _:
            return _scalar(node, value, path)
        case _:
            raise DecodeError(f"{path} is of the wrong type")


def _known_fields(struct: Struct, value: Document, path: str, reading: _Reading) -> Document:
    kept: Document = {}
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        node = struct.fields.get(key, Leaf("any") if struct.open else None)
        if node is None:
            reading.unknown.append(below)
        elif item is not None:
            known = _known(node, item, below, reading)
            if known or reading.keeps(below) or _is_kept(node, known) or key == "managedFields":
                kept[key] = known
    return kept


def _is_kept(node: Node, empty: Json) -> bool:
    """Whether Go keeps the empty value: its flags, numbers and structures are mostly pointers."""
    if isinstance(empty, dict):
        return isinstance(node, Struct | Atomic)
    return isinstance(empty, int | float)


def _scalar(node: Leaf, value: Json, path: str) -> Json:
    if node.type == "bytes" and not value:
        return ""  # to Go an empty list is an empty byte array
    if node.type == "bytes" and isinstance(value, str):
        return _base64(value, path)
    if node.type == "string" and value is None:
        return ""
    if node.type == "quantity" and isinstance(value, int | float):
        return str(value)
    if not isinstance(value, _TYPES.get(node.type, str)):
        raise DecodeError(f"{path} is of the wrong type")
    return value


def _base64(value: str, path: str) -> str:
    """Return a value in canonical base64: without line breaks or stray bits."""
    packed = value.replace("\r", "").replace("\n", "")
    try:
        return base64.b64encode(base64.b64decode(packed, validate=True)).decode()
    except ValueError as error:
        raise DecodeError(f"{path} is no base64") from error


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
