"""The result of a server-side apply, and the errors of one."""

from dataclasses import replace

from local.kubernetes.admission import Address
from local.kubernetes.documents import Document, Json, child, dump, parse_json, text
from local.kubernetes.fields import (
    Paths,
    TypeMismatchError,
    check_structure,
    compare,
    field_set,
)
from local.kubernetes.kinds import Kind
from local.kubernetes.managed_fields import (
    APPLY,
    Applied,
    FieldConflictError,
    Manager,
    apply,
    conflict_causes,
)
from local.kubernetes.options import Write
from local.kubernetes.status import ApiError, Cause, bad_request
from local.kubernetes.store import Stored

KUBECTL = "kubectl"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def checked_config(at: Address, config: Json) -> Document:
    """Return an apply's configuration; refuses one of another kind."""
    assert isinstance(config, dict)
    version, name = text(config, "apiVersion"), text(config, "kind")
    if (version, name) != (at.kind.api_version, at.kind.name):
        group, _, short = version.rpartition("/")
        raise bad_request(f"invalid object type: {group}/{short}, Kind={name}")
    if isinstance(child(config, "metadata").get("managedFields"), list):
        raise bad_request("metadata.managedFields must be nil")
    try:
        check_structure(at.kind.schema, config)
    except TypeMismatchError as error:
        why = f"failed to create typed patch object ({config_label(at.kind, config)}): {error}"
        raise ApiError(500, "", why) from error
    return config


def config_label(kind: Kind, config: Document) -> str:
    """Return the name of an applied configuration in messages."""
    metadata = child(config, "metadata")
    named = f"{text(metadata, 'namespace')}/{text(metadata, 'name')}"
    return f"{named}; {kind.group}/{kind.version}, Kind={kind.name}"


def _field_conflict(error: FieldConflictError, version: str) -> ApiError:
    """409: an apply without force would take fields that others own."""
    message, causes = conflict_causes(error.conflicts, version)
    listed: list[Json] = [
        Cause("FieldManagerConflict", said, where).document() for said, where in causes
    ]
    return ApiError(409, "Conflict", message, {"causes": listed})


def merged(  # noqa: PLR0913, PLR0917 - an address, what was and is to be, who and when
    at: Address, live: Stored | None, config: Document, version: str, write: Write, now: str
) -> Applied:
    """Merge a configuration into the object; 409 if others own what it would take."""
    before = live.bare if live else {}
    try:
        applied = apply(
            at.kind,
            before,
            config,
            live.owners if live else {},
            Manager(write.manager, APPLY),
            now,
            force=write.force,
            other_version=version not in ("", text(child(before, "metadata"), "resourceVersion")),
            yielded=_taken_over(at.kind, before) if write.manager == KUBECTL else frozenset(),
        )
    except FieldConflictError as error:
        raise _field_conflict(error, at.kind.api_version) from error
    if write.manager != KUBECTL:
        return applied
    return replace(applied, document=_refreshed(before, applied.document, config))


def _taken_over(kind: Kind, live: Document) -> Paths:
    """Return the fields that kubectl applied client-side and that have not changed since."""
    annotation = text(child(child(live, "metadata"), "annotations"), _LAST_APPLIED)
    if not annotation:
        return frozenset()
    config = parse_json(annotation.encode())
    difference = compare(kind.schema, config, live)
    changed = difference.added | difference.modified | difference.removed
    return frozenset(field_set(kind.schema, config)) - changed


def _refreshed(live: Document, new: Document, config: Document) -> Document:
    """Return the new object; its annotation has the configuration if the live one has one."""
    if _LAST_APPLIED not in child(child(live, "metadata"), "annotations"):
        return new
    metadata = child(new, "metadata")
    annotations = {
        **child(metadata, "annotations"),
        _LAST_APPLIED: dump(config).decode() + "\n",
    }
    return {**new, "metadata": {**metadata, "annotations": annotations}}
