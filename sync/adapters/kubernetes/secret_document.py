"""Parses the JSON of a Secret into the type that plans are made from."""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NotRequired, TypedDict

from sync.core.model import FIELD_MANAGER, STATE_ANNOTATION, Actual, Target

_SKEW_SECONDS = 60.0
"""More than the clocks of two API servers of a cluster differ."""

type _Fields = Mapping[str, _Fields]


class _Managed(TypedDict):
    manager: NotRequired[str]
    operation: NotRequired[str]
    time: NotRequired[str]
    subresource: NotRequired[str]
    fieldsV1: NotRequired[_Fields]


def is_of(document: bytes, target: Target) -> bool:
    """Return whether the document is the target's Secret."""
    try:
        return _is_of(json.loads(document), target)
    except (ValueError, RecursionError):
        return False


def parse(document: bytes, target: Target) -> Actual:
    """Return the target's Secret.

    Raises ValueError, KeyError, TypeError, AttributeError or RecursionError for anything else.
    """
    secret = json.loads(document)
    if not _is_of(secret, target):
        raise ValueError("not the Secret")
    metadata = secret["metadata"]
    owners = metadata.get("ownerReferences") or ()
    managed = metadata.get("managedFields") or ()
    owned: set[str] = set()
    owned_labels: set[str] = set()
    owned_annotations: set[str] = set()
    holders: dict[str, tuple[str, ...]] = {}
    for entry in managed:
        fields = entry.get("fieldsV1") or {}
        if _is_ours(entry):
            owned |= _keys(fields, "f:data")
            in_metadata = fields.get("f:metadata", {})
            owned_labels |= _keys(in_metadata, "f:labels")
            owned_annotations |= _keys(in_metadata, "f:annotations")
        else:
            for key in _keys(fields, "f:data"):
                holders[key] = (*holders.get(key, ()), _text(entry.get("manager", "")))
    return Actual(
        resource_version=_text(metadata["resourceVersion"]),
        type=_text(secret["type"]),
        immutable=secret.get("immutable") or False,
        data={key: b64decode(value) for key, value in (secret.get("data") or {}).items()},
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
        owner_references=tuple(f"{owner['kind']}/{owner['name']}" for owner in owners),
        owned=frozenset(owned),
        owner_uids=frozenset(_text(owner["uid"]) for owner in owners),
        owned_by_others=frozenset(holders),
        holders=holders,
        overlaid=_overlaid(managed),
        owns_state=STATE_ANNOTATION in owned_annotations,
        owned_labels=frozenset(owned_labels),
        owned_annotations=frozenset(owned_annotations),
        uid=metadata.get("uid", ""),
    )


def _is_of(secret: object, target: Target) -> bool:
    match secret:
        case {"kind": "Secret", "metadata": {"namespace": target.namespace, "name": target.secret}}:
            return True
        case _:
            return False


def _is_ours(entry: _Managed) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _overlaid(managed: Iterable[_Managed]) -> frozenset[str]:
    """Return the keys that others wrote as stringData, unless that was certainly before our write.

    The API server copies their value into `data`, and we stay the owner of that field.
    """
    ours = [_time(entry) for entry in managed if _is_ours(entry)]
    since = max((at for at in ours if at is not None), default=None)
    found: set[str] = set()
    for entry in managed:
        keys, at = _keys(entry.get("fieldsV1") or {}, "f:stringData"), _time(entry)
        if keys and (since is None or at is None or at >= since - _SKEW_SECONDS):
            found |= keys
    return frozenset(found)


def _time(entry: _Managed) -> float | None:
    """Return epoch seconds; None if there is no valid time with a zone."""
    with suppress(KeyError, TypeError, ValueError):
        at = datetime.fromisoformat(entry["time"])
        return at.timestamp() if at.tzinfo else None
    return None


def _keys(fields: _Fields, of: str) -> set[str]:
    return {field[2:] for field in fields.get(of, {}) if field.startswith("f:")}


def _text(value: object) -> str:
    """Return a string; raises TypeError for anything else, without quoting it."""
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _texts(found: Mapping[str, object] | None) -> Mapping[str, str]:
    return {name: _text(value) for name, value in (found or {}).items()}
