"""Applies merge patches, strategic merge patches and JSON patches.

A JSON patch that does more than replace a field, as kubectl does to turn its client-side applies
into server-side ones, is refused.
"""

from collections.abc import Mapping
from typing import Literal

from local.kubernetes import strategic
from local.kubernetes.documents import Document, Json, child, text
from local.kubernetes.nodes import Node
from local.kubernetes.status import ApiError, bad_request

type PatchType = Literal["merge", "strategic", "json", "apply"]

PATCH_TYPES: Mapping[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/apply-patch+yaml": "apply",
    "application/strategic-merge-patch+json": "strategic",
}


def patched(schema: Node, live: Document, how: PatchType, patch: Json) -> Json:
    """Return the object with the patch applied; raises ApiError if that is impossible."""
    if how == "json":
        for operation in patch if isinstance(patch, list) else ():
            live = _replaced(live, operation if isinstance(operation, dict) else {})
        return live
    if how == "strategic":
        return strategic.merged(schema, live, patch)
    return _merged(live, patch)


def _replaced(document: Document, operation: Document) -> Document:
    path = text(operation, "path").split("/")[1:]
    if operation.get("op") != "replace" or not path:
        raise bad_request(f"this local server takes no {operation.get('op')} in a JSON patch")
    keys = [part.replace("~1", "/").replace("~0", "~") for part in path]
    return _with(document, keys, operation.get("value"))


def _with(document: Document, keys: list[str], value: Json) -> Document:
    key, *rest = keys
    if key not in document:
        why = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", why, {})
    return {**document, key: _with(child(document, key), rest, value) if rest else value}


def _merged(target: Json, patch: Json) -> Json:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result: Document = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
