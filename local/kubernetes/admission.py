"""Checks a write before anything changes: its address, kind and preconditions."""

from dataclasses import dataclass

from local.kubernetes.documents import Document, child, text
from local.kubernetes.kinds import NAMESPACE, Kind
from local.kubernetes.status import bad_request, conflict, failed_precondition, modified
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
    """The location of an object."""

    kind: Kind
    namespace: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """The address within the kind."""
        return self.namespace, self.name


def check_namespace(namespace: str, metadata: Document) -> None:
    """Refuse an object in another namespace."""
    if text(metadata, "namespace") not in ("", namespace):
        raise bad_request(_UNMATCHED_NAMESPACE)


def check_address(at: Address, metadata: Document) -> None:
    """Refuse an object with another name or namespace."""
    check_namespace(at.namespace, metadata)
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
    """409 if a requested resource version is not the live one; 0 requests none."""
    if version not in ("", "0", text(live.metadata, "resourceVersion")):
        raise modified(at.kind, at.name)


def check_uid(at: Address, live: Stored, uid: str) -> None:
    """409 if a write names another object's uid."""
    actual = text(live.metadata, "uid")
    if uid in ("", actual):
        return
    key = "/".join(part for part in ("/registry", at.kind.plural, at.namespace, at.name) if part)
    raise conflict(
        at.kind,
        at.name,
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
        f"UID in object meta: {actual}",
    )


def check_uid_of_absent(at: Address, uid: str) -> None:
    """409 if an apply names the uid of an absent object."""
    if uid:
        why = (
            f"uid mismatch: the provided object specified uid {uid}, "
            "and no existing object was found"
        )
        raise conflict(at.kind, at.name, why)


def check_preconditions(at: Address, live: Stored, wanted: Document) -> None:
    """409 if a delete's preconditions do not hold."""
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


def addressed(document: Document, at: Address) -> Document:
    """Return the object with the address's name and namespace."""
    where = {key: v for key, v in (("name", at.name), ("namespace", at.namespace)) if v}
    return {**document, "metadata": {**child(document, "metadata"), **where}}


def without(document: Document, *fields: str) -> Document:
    """Return the object without these fields of its metadata."""
    metadata = child(document, "metadata")
    kept = {key: value for key, value in metadata.items() if key not in fields}
    return {**document, "metadata": kept}


def bare(document: Document) -> Document:
    """Return the object without managedFields and resource version."""
    return without(document, "managedFields", "resourceVersion")


def completed(at: Address, new: Document, live: Stored) -> Document:
    """Return the new object with the fields that a client cannot change taken from the live one."""
    servers = (*SET_BY_SERVER, "resourceVersion")
    kept = {key: value for key, value in live.metadata.items() if key in servers}
    whole = without(new, "managedFields", *servers)
    whole = {**whole, "metadata": {**child(whole, "metadata"), **kept}}
    if at.kind is NAMESPACE:
        whole |= {key: live.bare[key] for key in ("spec", "status")}
    return whole


def marked_deleted(document: Document, now: str) -> Document:
    """Return the object marked as being deleted."""
    metadata = child(document, "metadata")
    if metadata.get("deletionTimestamp"):
        return document
    marks: Document = {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    return {**document, "metadata": {**metadata, **marks}}
