"""What a write must agree with before anything is changed: its address, kind and preconditions."""

from dataclasses import dataclass

from local.kubernetes import patch as patching
from local.kubernetes.documents import Document, Json, child, text
from local.kubernetes.fields import TypeMismatchError, check_structure
from local.kubernetes.kinds import KINDS, NAMESPACE, Kind
from local.kubernetes.managed_fields import FieldConflictError, conflict_causes
from local.kubernetes.objects import DecodeError
from local.kubernetes.status import (
    ApiError,
    Cause,
    bad_request,
    conflict,
    failed_precondition,
    modified,
)
from local.kubernetes.store import Stored
from local.kubernetes.versions import check_written_version

SET_BY_SERVER = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)
_UNMATCHED_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object lives."""

    kind: Kind
    namespace: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """The address within the kind."""
        return self.namespace, self.name


_SCHEME = 'scheme "pkg/runtime/scheme.go:111"'
_OTHER_KINDS = ("ConfigMap", "Pod", "Service", "ServiceAccount")
"""Kinds of the group v1 that a client may take for another, besides those that are served."""


def check_scheme(kind: Kind, body: Json, *, patched: bool = False) -> None:
    """Refuse, with a `DecodeError`, a body that says it is of another kind."""
    if not isinstance(body, dict):
        return
    version = text(body, "apiVersion") or kind.api_version
    name = text(body, "kind") or kind.name
    known = {each.name for each in KINDS.values()} | {*_OTHER_KINDS}
    if version != kind.api_version or name not in known:
        where = f'version "{version}"'
        if patched and body.get("apiVersion") == "":
            where = f'the internal version of group "{kind.group}"'
        raise DecodeError(f'no kind "{name}" is registered for {where} in {_SCHEME}')
    if name != kind.name:
        raise DecodeError(f"converting (v1.{name}) to (core.{kind.name}): unknown conversion")


def check_kind(kind: Kind, body: Json) -> None:
    """Refuse a body that says it is another kind; one that says nothing is taken as this one."""
    try:
        check_scheme(kind, body)
    except DecodeError as error:
        assert isinstance(body, dict)
        version = text(body, "apiVersion") or kind.api_version
        name = text(body, "kind") or kind.name
        raise bad_request(
            f'{name} in version "{version}" cannot be handled as a {kind.name}: {error}'
        ) from error


def check_posted_namespace(namespace: str, metadata: Document) -> None:
    """Refuse an object of another namespace."""
    if text(metadata, "namespace") not in ("", namespace):
        raise bad_request(_UNMATCHED_NAMESPACE)


def check_address(at: Address, metadata: Document) -> None:
    """Refuse an object of another name or namespace."""
    namespace = text(metadata, "namespace")
    if namespace not in ("", at.namespace):
        raise bad_request(_UNMATCHED_NAMESPACE)
    name = text(metadata, "name")
    if not name:
        raise bad_request(
            f"the name of the object ({at.name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if name != at.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({at.name})"
        )


def check_version(at: Address, live: Stored, version: str) -> None:
    """409 where a resource version is asked for that is not the live one; 0 asks for none."""
    check_written_version(version)
    if version not in ("", "0") and version != text(live.metadata, "resourceVersion"):
        raise modified(at.kind, at.name)


def check_uid(at: Address, live: Stored, uid: str) -> None:
    """409 where a write names another object's uid."""
    actual = text(live.metadata, "uid")
    if uid not in ("", actual):
        key = "/".join(
            part for part in ("/registry", at.kind.plural, at.namespace, at.name) if part
        )
        raise conflict(
            at.kind,
            at.name,
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
            f"UID in object meta: {actual}",
        )


def check_uid_of_absent(at: Address, live: Stored | None, uid: str) -> None:
    """409 where an apply names the uid of an object that is not there."""
    if live is None and uid:
        why = (
            f"uid mismatch: the provided object specified uid {uid}, "
            "and no existing object was found"
        )
        raise conflict(at.kind, at.name, why)


def check_preconditions(at: Address, live: Stored, wanted: Document) -> None:
    """409 where a delete's preconditions do not hold."""
    for field, label, fate in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        asked, actual = text(wanted, field), text(live.metadata, field)
        if asked not in ("", actual):
            raise failed_precondition(
                at.kind,
                at.name,
                f"the {label} in the precondition ({asked}) does not match the {label} in record "
                f"({actual}). The object might have been {fate}",
            )


def config_label(kind: Kind, config: Document) -> str:
    """Return what messages call an applied configuration."""
    metadata = child(config, "metadata")
    named = f"{text(metadata, 'namespace')}/{text(metadata, 'name')}"
    return f"{named}; {kind.group}/v1, Kind={kind.name}"


def checked_config(at: Address, config: Json) -> Document:
    """Return an apply's configuration; refuse one that is none of the kind."""
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
        label = config_label(at.kind, config)
        why = f"failed to create typed patch object ({label}): {error}"
        raise ApiError(500, "", why) from error
    return config


def field_conflict(error: FieldConflictError) -> ApiError:
    """409: an apply without force would take fields that others own."""
    message, causes = conflict_causes(error.conflicts)
    listed: list[Json] = [
        Cause("FieldManagerConflict", said, where).document() for said, where in causes
    ]
    return ApiError(409, "Conflict", message, {"causes": listed})


def patched(live: Document, how: str, patch: Json) -> Json:
    """Return the live document with a merge, strategic or JSON patch applied."""
    try:
        match how, patch:
            case "strategic", dict():
                return patching.strategic_merge_patch(live, patch)
            case "json", list():
                return patching.json_patch(live, patch)
            case _:
                return patching.merge_patch(live, patch)
    except patching.MergeKeyError as error:
        raise ApiError(500, "", str(error)) from error
    except patching.PatchError as error:
        why = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", why, {}) from error


def addressed(document: Document, at: Address) -> Document:
    """Return the object under the address's name and namespace."""
    metadata = dict(child(document, "metadata"))
    if at.name:
        metadata["name"] = at.name
    if at.namespace:
        metadata["namespace"] = at.namespace
    return {**document, "metadata": metadata}


def unborn(document: Document) -> Document:
    """Return an object to create, which cannot be in deletion."""
    metadata = {
        key: value
        for key, value in child(document, "metadata").items()
        if key not in {"deletionTimestamp", "deletionGracePeriodSeconds"}
    }
    return {**document, "metadata": metadata}


def bare(document: Document) -> Document:
    """Return the object without managedFields and resource version."""
    metadata = {
        key: value
        for key, value in child(document, "metadata").items()
        if key not in {"managedFields", "resourceVersion"}
    }
    return {**document, "metadata": metadata}


def completed(at: Address, new: Document, live: Stored) -> Document:
    """Return the new object with what a client cannot change taken from the live one."""
    metadata = dict(child(bare(new), "metadata"))
    for key in (*SET_BY_SERVER, "resourceVersion"):
        metadata.pop(key, None)
        if key in live.metadata:
            metadata[key] = live.metadata[key]
    whole: Document = {**new, "metadata": metadata}
    if at.kind is NAMESPACE:
        for key in ("spec", "status"):
            whole[key] = live.bare[key]
    return whole
