"""Parses a Secret as the API server writes it, once, into what the plan works with."""

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import NotRequired, TypedDict

from sync.model import FIELD_MANAGER, STATE_ANNOTATION, Actual

type _Fields = Mapping[str, _Fields]


class _Managed(TypedDict):
    manager: NotRequired[str]
    operation: NotRequired[str]
    subresource: NotRequired[str]
    fieldsV1: NotRequired[_Fields]


class _Owner(TypedDict):
    kind: str
    name: str
    uid: str


class _Metadata(TypedDict):
    resourceVersion: str
    uid: NotRequired[str]
    labels: NotRequired[dict[str, str] | None]
    annotations: NotRequired[dict[str, str] | None]
    ownerReferences: NotRequired[list[_Owner] | None]
    managedFields: NotRequired[list[_Managed] | None]


class _Secret(TypedDict):
    kind: str
    type: str
    metadata: _Metadata
    data: NotRequired[dict[str, str] | None]
    immutable: NotRequired[bool | None]


def parse(document: bytes) -> Actual:
    """Return the Secret; raises ValueError, KeyError, TypeError or AttributeError for another."""
    secret: _Secret = json.loads(document)
    if secret["kind"] != "Secret":
        raise ValueError("not a Secret")
    metadata = secret["metadata"]
    owned: set[str] = set()
    holders: dict[str, tuple[str, ...]] = {}
    owns_state = False
    for entry in metadata.get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        if _is_ours(entry):
            owned |= _keys(fields)
            annotations = fields.get("f:metadata", {}).get("f:annotations", {})
            owns_state = owns_state or f"f:{STATE_ANNOTATION}" in annotations
        else:
            for key in _keys(fields):
                holders[key] = (*holders.get(key, ()), entry.get("manager", ""))
    return Actual(
        resource_version=metadata["resourceVersion"],
        type=secret["type"],
        immutable=secret.get("immutable") or False,
        data={key: b64decode(value) for key, value in (secret.get("data") or {}).items()},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        owner_references=tuple(
            f"{owner['kind']}/{owner['name']}" for owner in metadata.get("ownerReferences") or ()
        ),
        owned=frozenset(owned),
        owner_uids=frozenset(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
        owned_by_others=frozenset(holders),
        holders=holders,
        owns_state=owns_state,
        uid=metadata.get("uid", ""),
    )


def _is_ours(entry: _Managed) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _keys(fields: _Fields) -> set[str]:
    return {field[2:] for field in fields.get("f:data", {}) if field.startswith("f:")}
