"""Converts protobuf requests, which kubectl prefers for some kinds, to JSON.

Field numbers are those of Kubernetes' `generated.proto` files.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.kubernetes.documents import Document, Json, array

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: "_Type" = "string"
    repeated: bool = False
    keyed: bool = False


type _Message = Mapping[int, _Field]
type _Type = str | _Message

_OWNER: _Message = {
    1: _Field("kind"),
    3: _Field("name"),
    4: _Field("uid"),
    5: _Field("apiVersion"),
    6: _Field("controller", "bool"),
    7: _Field("blockOwnerDeletion", "bool"),
}
_METADATA: _Message = {
    1: _Field("name"),
    2: _Field("generateName"),
    3: _Field("namespace"),
    5: _Field("uid"),
    6: _Field("resourceVersion"),
    11: _Field("labels", keyed=True),
    12: _Field("annotations", keyed=True),
    13: _Field("ownerReferences", _OWNER, repeated=True),
    14: _Field("finalizers", repeated=True),
}
_ATTRIBUTES: _Message = {
    1: _Field("namespace"),
    2: _Field("verb"),
    3: _Field("group"),
    4: _Field("version"),
    5: _Field("resource"),
    6: _Field("subresource"),
    7: _Field("name"),
}
_RULE: _Message = {
    1: _Field("verbs", repeated=True),
    2: _Field("apiGroups", repeated=True),
    3: _Field("resources", repeated=True),
    4: _Field("resourceNames", repeated=True),
    5: _Field("nonResourceURLs", repeated=True),
}
_SUBJECT: _Message = {
    1: _Field("kind"),
    2: _Field("apiGroup"),
    3: _Field("name"),
    4: _Field("namespace"),
}
_ROLE_REF: _Message = {1: _Field("apiGroup"), 2: _Field("kind"), 3: _Field("name")}
_PRECONDITIONS: _Message = {1: _Field("uid"), 2: _Field("resourceVersion")}
_KINDS: Mapping[str, _Message] = {
    "Secret": {
        1: _Field("metadata", _METADATA),
        2: _Field("data", "bytes", keyed=True),
        3: _Field("type"),
        4: _Field("stringData", keyed=True),
        5: _Field("immutable", "bool"),
    },
    "Namespace": {1: _Field("metadata", _METADATA)},
    "Role": {1: _Field("metadata", _METADATA), 2: _Field("rules", _RULE, repeated=True)},
    "RoleBinding": {
        1: _Field("metadata", _METADATA),
        2: _Field("subjects", _SUBJECT, repeated=True),
        3: _Field("roleRef", _ROLE_REF),
    },
    "SelfSubjectAccessReview": {
        2: _Field("spec", {1: _Field("resourceAttributes", _ATTRIBUTES)}),
    },
    "DeleteOptions": {
        2: _Field("preconditions", _PRECONDITIONS),
        5: _Field("dryRun", repeated=True),
    },
}
_UNKNOWN: _Message = {
    1: _Field("typeMeta", {1: _Field("apiVersion"), 2: _Field("kind")}),
    2: _Field("raw", "bytes"),
}


def parse_protobuf(body: bytes) -> Json:
    """Return the object; raises ValueError if its kind is unknown here."""
    if not body.startswith(_MAGIC):
        raise ValueError("the body does not start as a Kubernetes protobuf does")
    envelope = _message(_UNKNOWN, body[len(_MAGIC) :])
    head, raw = envelope.get("typeMeta"), envelope.get("raw")
    kind = head.get("kind") if isinstance(head, dict) else None
    if not isinstance(head, dict) or not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"this local server reads no {kind} from protobuf")
    packed = base64.b64decode(raw) if isinstance(raw, str) else b""
    return {**head, **_message(_KINDS[kind], packed)}


def _message(fields: _Message, packed: bytes) -> Document:
    document: Document = {}
    for number, value in _parts(packed):
        field = fields.get(number)
        if field is None:
            continue
        if field.keyed:
            pair = _message({1: _Field("key"), 2: _Field("value", field.type)}, _packed(value))
            held = document.setdefault(field.name, {})
            assert isinstance(held, dict)
            held[str(pair.get("key", ""))] = pair.get("value", "")
        elif field.repeated:
            before = document.get(field.name)
            document[field.name] = array(
                [*(before if isinstance(before, list) else []), _value(field.type, value)]
            )
        elif value != b"" or not isinstance(field.type, str):
            document[field.name] = _value(field.type, value)
    return document


def _value(kind: _Type, value: int | bytes) -> Json:
    match kind:
        case "bool":
            return bool(value)
        case "bytes":
            return base64.b64encode(_packed(value)).decode()
        case str():
            return _packed(value).decode()
        case _:
            return _message(kind, _packed(value))


def _packed(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where protobuf should have bytes")  # noqa: TRY004 - bad input
    return value


def _parts(packed: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number and value."""
    position = 0
    while position < len(packed):
        tag, position = _varint(packed, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(packed, position)
            yield number, value
            continue
        if wire == _BYTES:
            size, position = _varint(packed, position)
        elif wire in {_FIXED64, _FIXED32}:
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"unknown protobuf wire type {wire}")
        yield number, packed[position : position + size]
        position += size


def _varint(packed: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(packed):
            raise ValueError("a protobuf that ends within a number")
        byte = packed[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
