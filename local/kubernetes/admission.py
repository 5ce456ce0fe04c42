"""Checks a write before anything changes: its address, kind and preconditions."""

import uuid
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
_NEVER_GIVEN = frozenset(SET_BY_SERVER) - {"generation"}
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


def made(kind: Kind, new: Document, now: str) -> Document:
    """Return a new object with what the server gives it."""
    metadata = {k: v for k, v in child(new, "metadata").items() if k not in _NEVER_GIVEN}
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now}
    metadata |= {"generation": 1} if kind.counted else {}
    whole = bare({**new, "metadata": metadata})
    if kind is NAMESPACE:
        return {**whole, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    if not kind.reset:
        return whole
    kept = {key: value for key, value in whole.items() if key != kind.reset}
    return {**kept, **({kind.reset: kind.empty[kind.reset]} if kind.reset in kind.empty else {})}


def completed(at: Address, new: Document, live: Stored) -> Document:
    """Return the new object with the fields that a client cannot change taken from the live one."""
    servers = (*SET_BY_SERVER, "resourceVersion")
    kept = {key: value for key, value in live.metadata.items() if key in servers}
    whole = without(new, "managedFields", *servers)
    whole = {**whole, "metadata": {**child(whole, "metadata"), **kept}}
    servers_own = ("spec", "status") if at.kind is NAMESPACE else (at.kind.reset,)
    whole = {key: value for key, value in whole.items() if key not in servers_own}
    whole |= {key: live.bare[key] for key in servers_own if key in live.bare}
    return counted(at.kind, live.bare, whole)


def counted(kind: Kind, old: Document, new: Document) -> Document:
    """Return the new object with the next generation if a change moves it."""
    metadata, before = child(new, "metadata"), child(old, "metadata")
    annotated = kind.counts_annotations and metadata.get("annotations") != before.get("annotations")
    if not annotated and all(old.get(key) == new.get(key) for key in kind.counted):
        return new
    generation = before.get("generation")
    assert isinstance(generation, int)
    return {**new, "metadata": {**metadata, "generation": generation + 1}}


def marked_deleted(document: Document, now: str) -> Document:
    """Return the object marked as being deleted."""
    metadata = child(document, "metadata")
    if metadata.get("deletionTimestamp"):
        return document
    marks: Document = {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    return {**document, "metadata": {**metadata, **marks}}
