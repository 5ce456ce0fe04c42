"""What a write must agree with before anything is changed: its address, kind and preconditions."""

from dataclasses import dataclass

from local.kubernetes import patch as patching
from local.kubernetes.documents import Document, Json, child, dump, text
from local.kubernetes.fields import TypeMismatchError, check_structure
from local.kubernetes.kinds import NAMESPACE, Kind
from local.kubernetes.managed_fields import FieldConflictError, conflict_causes
from local.kubernetes.status import ApiError, Cause, bad_request, conflict, invalid_patch, modified
from local.kubernetes.store import Stored

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


def check_kind(kind: Kind, body: Json) -> None:
    """Refuse a body that says it is another kind; one that says nothing is taken as this one."""
    if not isinstance(body, dict):
        return
    version = text(body, "apiVersion") or kind.api_version
    name = text(body, "kind") or kind.name
    if version != kind.api_version:
        raise bad_request(
            f'{name} in version "{version}" cannot be handled as a {kind.name}: '
            f'no kind "{name}" is registered for version "{version}" in this server\'s scheme'
        )
    if name != kind.name:
        raise bad_request(
            f'{name} in version "v1" cannot be handled as a {kind.name}: '
            f"converting (v1.{name}) to (core.{kind.name}): unknown conversion"
        )


def check_posted_namespace(namespace: str, metadata: Document) -> None:
    """Refuse an object of another namespace."""
    if text(metadata, "namespace") not in ("", namespace):
        raise bad_request(_UNMATCHED_NAMESPACE)


def check_address(at: Address, metadata: Document) -> None:
    """Refuse an object of another name or namespace."""
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
    namespace = text(metadata, "namespace")
    if namespace not in ("", at.namespace):
        raise bad_request(
            f"the namespace of the object ({namespace}) does not match "
            f"the namespace on the request ({at.namespace})"
        )


def check_version(at: Address, live: Stored, version: str) -> None:
    """409 where a resource version is asked for that is not the live one; 0 asks for none."""
    if version in ("", "0"):
        return
    if not version.isdigit():
        raise ApiError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if version != text(live.metadata, "resourceVersion"):
        raise modified(at.kind, at.name)


def check_absent(at: Address, uid: str) -> None:
    """409 where an apply names the uid of an object that is not there."""
    if uid:
        raise conflict(
            at.kind,
            at.name,
            f"uid mismatch: the provided object specified uid {uid}, and no existing object was "
            "found",
        )


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


def check_preconditions(at: Address, live: Stored, wanted: Document) -> None:
    """409 where a delete's preconditions do not hold."""
    for field, label, fate in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        asked, actual = text(wanted, field), text(live.metadata, field)
        if asked not in ("", actual):
            raise conflict(
                at.kind,
                at.name,
                f"the {label} in the precondition ({asked}) does not match the {label} in record "
                f"({actual}). The object might have been {fate}",
            )


def checked_config(at: Address, config: Json) -> Document:
    """Return an apply's configuration; refuse one that is no object of the address."""
    if not isinstance(config, dict):
        raise bad_request("error decoding YAML: the configuration is not a mapping")
    version = text(config, "apiVersion")
    if version != at.kind.api_version:
        raise bad_request(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {version}, expected: {at.kind.api_version}"
        )
    label = f"{at.namespace}/{at.name}; {at.kind.group}/v1, Kind={text(config, 'kind')}"
    if text(config, "kind") != at.kind.name:
        raise ApiError(500, "", f"failed to create typed patch object ({label}): kind mismatch")
    metadata = child(config, "metadata")
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    try:
        check_structure(at.kind.schema, config)
    except TypeMismatchError as error:
        why = f"failed to create typed patch object ({label}): {error}"
        raise ApiError(500, "", why) from error
    check_address(at, {**metadata, "name": text(metadata, "name") or at.name})
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
    match how, patch:
        case "merge", _:
            return patching.merge_patch(live, patch)
        case "strategic", dict():
            return patching.strategic_merge_patch(live, patch)
        case "json", list():
            try:
                return patching.json_patch(live, patch)
            except patching.PatchError as error:
                why = "the server rejected our request due to an error in our request"
                raise ApiError(422, "Invalid", why, {}) from error
        case "json", _:
            raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        case _:
            raise invalid_patch(dump(patch).decode(), "a strategic merge patch is an object")


def addressed(document: Document, at: Address) -> Document:
    """Return the object under the address's name and namespace."""
    metadata = dict(child(document, "metadata"))
    if at.name:
        metadata["name"] = at.name
    if at.namespace:
        metadata["namespace"] = at.namespace
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
