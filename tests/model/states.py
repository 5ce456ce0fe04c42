"""The state annotation as the model reads it, and whether the app believes it."""

import json
from contextlib import suppress

from local.kubernetes.documents import Document, child, items, parse_json, text, texts, words
from tests.model.world import Kept

STATE = "keyvault-sync/state"

_VERSION_AND_FINGERPRINT = 2
"""How many words of a record come before its keys."""


def recorded(document: Document) -> set[str]:
    """Return the keys that the records on a Secret name."""
    records = child(state(document), "secrets")
    return {
        key
        for name in records
        for key in (words(records, name)[_VERSION_AND_FINGERPRINT:] or [name])
    }


def state(document: Document) -> Document:
    """Return the state on a Secret; nothing where there is none."""
    told = texts(child(document, "metadata"), "annotations").get(STATE, "")
    with suppress(ValueError):
        found = parse_json(told.encode())
        return found if isinstance(found, dict) else {}
    return {}


def owns_state(document: Document) -> bool:
    """Tell whether the app's own field manager has the annotation that says whose it is."""
    for entry in items(child(document, "metadata"), "managedFields"):
        fields = child(child(child(entry, "fieldsV1"), "f:metadata"), "f:annotations")
        if text(entry, "manager") == "keyvault-sync" and f"f:{STATE}" in fields:
            return True
    return False


def is_restored(document: Document, kept: Kept, secret: str) -> bool:
    """Tell whether annotation and labels say that a Secret is this one of this vault."""
    metadata = child(document, "metadata")
    try:
        said = json.loads(texts(metadata, "annotations")[STATE])
        named = (said["vault"], said["secret"])
    except (KeyError, ValueError):
        return False
    wanted = {f"keyvault-sync/{name}": value for name, value in kept.labels.items()}
    wanted["app.kubernetes.io/managed-by"] = "keyvault-sync"
    return named == (kept.vault.name.lower(), secret) and (
        wanted.items() <= texts(metadata, "labels").items()
    )
