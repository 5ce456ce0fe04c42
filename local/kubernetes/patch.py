"""JSON merge patch and strategic merge patch, and what a patch makes of an object.

A strategic merge patch is a merge patch here: what it does otherwise, to the lists of owners and
finalizers and by directives, is refused.
"""

from collections.abc import Mapping
from typing import Literal

from local.kubernetes.documents import Document, Json
from local.kubernetes.status import bad_request

type PatchType = Literal["merge", "strategic", "apply"]

PATCH_TYPES: Mapping[str, PatchType] = {
    "application/merge-patch+json": "merge",
    "application/apply-patch+yaml": "apply",
    "application/strategic-merge-patch+json": "strategic",
}
_LISTS = frozenset({"ownerReferences", "finalizers", "conditions"})


def merge_patch(target: Json, patch: Json) -> Json:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    patched: Document = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            patched.pop(key, None)
        else:
            patched[key] = merge_patch(patched.get(key), value)
    return patched


def check_strategic(patch: Json) -> None:
    """Refuse a strategic merge patch that does more than a merge patch."""
    for key, value in patch.items() if isinstance(patch, dict) else ():
        if key.startswith("$") or (key in _LISTS and isinstance(value, list)):
            raise bad_request(f"this local server takes no {key} in a strategic merge patch")
        check_strategic(value)
