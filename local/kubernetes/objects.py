"""From what a client sends to an object: structure, unknown fields, conversions and defaults."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from local.kubernetes import go
from local.kubernetes.bodies import no_object
from local.kubernetes.documents import Document, Json, child, strings, text, texts
from local.kubernetes.kinds import NAMESPACE, SECRET, Keyed, Kind, Leaf, Map, Members, Node, Struct

NAME_LABEL = "kubernetes.io/metadata.name"
_STRUCT = ("metadata", "immutable", "data", "stringData", "type")
_GO_TYPES = {
    "bytes": "[]uint8",
    "boolean": "bool",
    "integer": "int64",
    "list": "[]string",
    "object": "v1.RoleRef",
}


class DecodeError(ValueError):
    """A document that is no object of its kind; the text is the real server's.

    `restored` is what it says where it converts values instead of parsing JSON.
    """

    def __init__(self, said: str, restored: str = "") -> None:
        super().__init__(said)
        self.restored = restored or said


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object in its stored form, and the fields that were dropped as unknown."""

    document: Document
    unknown: tuple[str, ...]


def in_order(document: Document, *, of_struct: bool) -> Document:
    """Return the document with its fields as Go comes to them: of two faults it tells the first.

    That is the struct's order where a map is converted, and the alphabet's in patched JSON.
    """
    names = sorted(document)
    if of_struct:
        names.sort(key=lambda name: _STRUCT.index(name) if name in _STRUCT else len(_STRUCT))
    return {name: document[name] for name in names}


def decode_patched(kind: Kind, document: Json, *, of_struct: bool) -> Decoded:
    """Decode what a patch made; without a version, JSON is an object of no fields to the server."""
    if not isinstance(document, dict):
        return decode(kind, document)
    if document.get("apiVersion") == "" and not of_struct:
        return Decoded({}, tuple(sorted(document.keys() - {"apiVersion", "kind"})))
    return decode(kind, in_order(document, of_struct=of_struct))


def decode(kind: Kind, document: Json) -> Decoded:
    """Parse, convert and default an object; raise `DecodeError` where it is none."""
    if not isinstance(document, dict):
        raise DecodeError(no_object(document))
    unknown: list[str] = []
    known = _known(kind.schema, document, _Place("", kind.name), unknown)
    assert isinstance(known, dict)
    known |= {"apiVersion": kind.api_version, "kind": kind.name}
    if kind is SECRET:
        known = _secret(known)
    elif kind is NAMESPACE:
        known = _namespace(known)
    return Decoded(known, tuple(unknown))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a document a value stands: its path, and the Go struct that has the field."""

    path: str
    struct: str

    def below(self, key: str) -> "_Place":
        return _Place(f"{self.path}.{key}" if self.path else key, self.struct)

    def __str__(self) -> str:
        return f"{self.struct}.{self.path}"


def _known(node: Node, value: Json, place: _Place, unknown: list[str]) -> Json:
    """Return the value without unknown fields and without what Go would leave out as empty."""
    match node, value:
        case Struct(), dict():
            return _known_fields(node, value, place, unknown)
        case Map(element), dict():
            return {key: _scalar(element, item, place) for key, item in value.items()}
        case Keyed(item=struct), list():
            return [_known(struct, item, place, unknown) for item in value]
        case Members(element), list():
            return [_scalar(element, item, place) for item in value]
        case Leaf(), _:
            return _scalar(node, value, place)
        case _:
            raise _wrong_type(node, value, place)


def _known_fields(node: Struct, value: Document, place: _Place, unknown: list[str]) -> Document:
    kept: Document = {}
    here = _Place(place.path, node.go or place.struct)
    for key, item in value.items():
        below = here.below(key)
        if key not in node.fields:
            unknown.append(below.path)
        elif item is not None:
            known = _known(node.fields[key], item, below, unknown)
            if not _is_empty(known) or (key == "managedFields" and known == []):
                kept[key] = known
    return kept


def _is_empty(value: Json) -> bool:
    """Whether Go leaves the value out; false it keeps, since its flags are pointers here."""
    return not value and value is not False


def _scalar(node: Leaf, value: Json, place: _Place) -> Json:
    match node.type, value:
        case "bytes", str() | None:
            return _base64(value or "")
        case "bytes", []:  # to Go an array of no bytes
            return ""
        case "string", str() | None:
            return _time(value or "") if node.go == "v1.Time" else value or ""
        case ("list", list()) | ("object", dict()) | ("boolean", bool()):
            return value
        case "integer", int() if not isinstance(value, bool):
            return value
        case _:
            raise _wrong_type(node, value, place)


def _wrong_type(node: Node, value: Json, place: _Place) -> DecodeError:
    return DecodeError(
        f"json: cannot unmarshal {go.json_type(value)} into Go struct field {place} "
        f"of type {_go_type(node)}",
        _unrestored(node, go.type_name(value)),
    )


def _unrestored(node: Node, given: str) -> str:
    match node:
        case Leaf("bytes" | "list") | Keyed() | Members():
            return f"cannot restore slice from {given}"
        case Map():
            return f"cannot restore map from {given}"
        case Struct() | Leaf("object"):
            return f"cannot restore struct from: {given}"
        case Leaf("string") if given == "int64":
            return "cannot convert int64 to string"
        case Leaf(name):
            return f"unrecognized type: {_GO_TYPES.get(name, name)}"


def _base64(value: str) -> str:
    """Return a value as it is encoded once it was decoded: without line breaks or stray bits."""
    fault = go.base64_fault(value)
    if fault is not None:
        said = f"illegal base64 data at input byte {fault}"
        raise DecodeError(said, f"error decoding from json: {said}")
    packed = value.replace("\r", "").replace("\n", "")
    return base64.b64encode(base64.b64decode(packed)).decode()


def _time(value: str) -> str:
    try:
        datetime.fromisoformat(value or "1970-01-01")
    except ValueError as error:
        layout = "2006-01-02T15:04:05Z07:00"
        why = f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'
        raise DecodeError(why) from error
    return value


def _go_type(node: Node) -> str:
    match node:
        case Leaf(name, own):
            return own or _GO_TYPES.get(name, name)
        case Map(Leaf("bytes")):
            return "map[string][]uint8"
        case Map():
            return "map[string]string"
        case Keyed():
            return "[]v1.OwnerReference"
        case Members():
            return "[]string"
        case Struct():
            return f"v1.{node.go}"


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
