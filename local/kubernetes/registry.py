"""The verbs of the API on namespaces and Secrets: what each read and write does."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from local.kubernetes import managed_fields as ownership
from local.kubernetes import validation
from local.kubernetes.admission import (
    SET_BY_SERVER,
    Address,
    addressed,
    bare,
    check_absent,
    check_address,
    check_kind,
    check_posted_namespace,
    check_preconditions,
    check_uid,
    check_version,
    checked_config,
    completed,
    field_conflict,
)
from local.kubernetes.admission import patched as patched_by
from local.kubernetes.authorization import (
    Access,
    Attempt,
    Rule,
    bound_role,
    bound_users,
    role_rules,
)
from local.kubernetes.documents import Document, Json, child, dump, text, words
from local.kubernetes.kinds import KINDS, NAMESPACE, ROLE, ROLE_BINDING, Kind
from local.kubernetes.last_applied import KUBECTL, refreshed, taken_over
from local.kubernetes.managed_fields import (
    APPLY,
    UPDATE,
    Applied,
    FieldConflictError,
    Manager,
    Owners,
)
from local.kubernetes.objects import (
    Decoded,
    DecodeError,
    decode,
    unknown_fields,
)
from local.kubernetes.selectors import Selector
from local.kubernetes.status import (
    ApiError,
    already_exists,
    bad_request,
    forbidden,
    invalid,
    invalid_patch,
    not_found,
    success,
)
from local.kubernetes.store import Deliver, Store, Stored

type PatchType = Literal["merge", "strategic", "json", "apply"]

_KEPT_NAMESPACES = ("default", "kube-system", "kube-public")


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and how; a write without a user is not subject to authorization."""

    manager: str = "local"
    user: str | None = None
    dry_run: bool = False
    force: bool = False
    field_validation: Literal["Ignore", "Warn", "Strict"] = "Warn"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made of an object."""

    stored: Stored
    created: bool = False
    warnings: tuple[str, ...] = ()


class Registry:
    """The stored objects; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._store = Store()
        self.access = Access()

    def allows(self, user: str, attempt: Attempt) -> bool:
        """Whether the user may, by what was granted or by a Role bound in the namespace."""
        with self._lock:
            return self.access.allows(user, attempt) or any(
                bound == user and rule.covers(attempt)
                for bound, rule in self._bound(attempt.namespace)
            )

    @property
    def version(self) -> str:
        """The resource version of the last change."""
        return str(self._store.version)

    def read(self, kind: Kind, namespace: str, name: str) -> Stored:
        """Return the object, or 404."""
        with self._lock:
            stored = self._store.get(kind, namespace, name)
        if stored is None:
            raise not_found(kind, name)
        return stored

    def list(self, kind: Kind, namespace: str, selector: Selector) -> tuple[list[Stored], str]:
        """Return the selected objects and the resource version they were read at."""
        with self._lock:
            found = [s for s in self._store.all(kind, namespace) if selector.matches(s.bare)]
            return found, self.version

    def watch(self, since: int | None, deliver: Deliver) -> Callable[[], None]:
        """Deliver each change after a version, in order; return what ends it."""
        with self._lock:
            end = self._store.watch(since, deliver)

        def ended() -> None:
            with self._lock, suppress(ValueError):
                end()

        return ended

    def create(self, kind: Kind, namespace: str, body: Json, write: Write) -> Written:
        """POST an object."""
        decoded = self._decoded(kind, body, write)
        metadata = child(decoded.document, "metadata")
        check_posted_namespace(namespace, metadata)
        name = text(metadata, "name")
        if not name and text(metadata, "generateName"):
            name = text(metadata, "generateName") + uuid.uuid4().hex[:5]
        if text(metadata, "resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        with self._lock:
            at = Address(kind, namespace, name)
            new = addressed(decoded.document, at)
            owners = ownership.requested(new, {})
            manager = Manager(write.manager, UPDATE)
            owners = ownership.update(kind, {}, bare(new), owners, manager, _now())
            return self._created(at, new, owners, write, decoded.unknown)

    def replace(self, kind: Kind, namespace: str, name: str, body: Json, write: Write) -> Written:
        """PUT an object."""
        decoded = self._decoded(kind, body, write)
        at = Address(kind, namespace, name)
        check_address(at, child(decoded.document, "metadata"))
        with self._lock:
            return self._updated(at, self.read(kind, namespace, name), decoded, write)

    def patch(  # noqa: PLR0913, PLR0917 - an address, a patch and who sends it
        self, kind: Kind, namespace: str, name: str, how: PatchType, patch: Json, write: Write
    ) -> Written:
        """PATCH an object; a server-side apply creates it where it is absent."""
        at = Address(kind, namespace, name)
        with self._lock:
            if how == "apply":
                return self._applied(at, patch, write)
            live = self.read(kind, namespace, name)
            patched = patched_by(live.document, how, patch)
            try:
                decoded = decode(kind, patched)
            except DecodeError as error:
                spilled = patch if how == "strategic" else patched
                raise invalid_patch(dump(spilled).decode(), str(error)) from error
            if decoded.unknown and write.field_validation == "Strict":
                why = "strict decoding error: " + ", ".join(unknown_fields(decoded.unknown))
                raise invalid_patch(dump(patched).decode(), why)
            check_address(at, child(decoded.document, "metadata"))
            return self._updated(at, live, decoded, write)

    def delete(
        self, kind: Kind, namespace: str, name: str, options: Document, *, dry_run: bool = False
    ) -> Document:
        """DELETE an object: return a `Status`, or the object where that outlives the call."""
        with self._lock:
            live = self.read(kind, namespace, name)
            at = Address(kind, namespace, name)
            check_preconditions(at, live, child(options, "preconditions"))
            if kind is NAMESPACE and name in _KEPT_NAMESPACES:
                raise forbidden(kind, name, "this namespace may not be deleted")
            uid = text(live.metadata, "uid")
            if kind is NAMESPACE:
                gone = _marked_deleted(live.bare) | {"status": {"phase": "Terminating"}}
                if not dry_run:
                    self._drop_namespace(at, live)
                return gone
            if words(live.metadata, "finalizers"):
                marked = _marked_deleted(live.bare)
                if not dry_run and marked != live.bare:
                    live = self._put(at, marked, live.owners)
                return live.document
            if not dry_run:
                self._drop(at, live)
            return success(kind, name, uid)

    def _decoded(self, kind: Kind, body: Json, write: Write) -> Decoded:
        check_kind(kind, body)
        label = f'{kind.name} in version "v1" cannot be handled as a {kind.name}: '
        try:
            decoded = decode(kind, body)
        except DecodeError as error:
            if isinstance(body, dict):
                raise bad_request(label + str(error)) from error
            refused = f"the object provided is unrecognized (must be of type {kind.name}): {error}"
            raise bad_request(refused) from error
        if decoded.unknown and write.field_validation == "Strict":
            unknown = ", ".join(unknown_fields(decoded.unknown))
            raise bad_request(f"{label}strict decoding error: {unknown}")
        return decoded

    def _applied(self, at: Address, config: Json, write: Write) -> Written:
        config = checked_config(at, config)
        live = self._store.get(at.kind, at.namespace, at.name)
        metadata = child(config, "metadata")
        if live is None:
            self._may_create(at, write)
            check_absent(at, text(metadata, "uid"))
        version = text(metadata, "resourceVersion")
        kept = {key: v for key, v in metadata.items() if key not in {"resourceVersion", "name"}}
        config = {**config, "metadata": {**kept, "name": at.name}}
        applied = _merged(at, live, config, write)
        try:
            decoded = decode(at.kind, applied.document)
        except DecodeError as error:
            why = (
                "failed to convert new object to proper version: unable to convert unstructured "
                f"object to /v1, Kind={at.kind.name}: error decoding from json: {error}"
            )
            raise ApiError(500, "", why) from error
        new = addressed(decoded.document, at)
        if live is None:
            return self._created(at, new, applied.owners, write, ())
        check_version(at, live, version)
        return self._stored(at, live, new, applied.owners, write, ())

    def _may_create(self, at: Address, write: Write) -> None:
        attempt = Attempt("create", at.kind.plural, at.namespace, at.name, at.kind.group)
        if write.user is not None and not self.allows(write.user, attempt):
            raise forbidden(at.kind, at.name, attempt.refusal(write.user))

    def _created(
        self, at: Address, new: Document, owners: Owners, write: Write, unknown: tuple[str, ...]
    ) -> Written:
        if at.kind.namespaced and self._store.get(NAMESPACE, "", at.namespace) is None:
            raise not_found(NAMESPACE, at.namespace)
        metadata = {k: v for k, v in child(new, "metadata").items() if k not in SET_BY_SERVER}
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        new = bare({**new, "metadata": metadata})
        if at.kind is NAMESPACE:
            new |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        if at.name and self._store.get(at.kind, at.namespace, at.name) is not None:
            raise already_exists(at.kind, at.name)
        faults = validation.faults(at.kind, new)
        if faults:
            raise invalid(at.kind, at.name, faults)
        warnings = tuple(unknown_fields(unknown)) if write.field_validation == "Warn" else ()
        if write.dry_run:
            return Written(Stored.of(new, owners), created=True, warnings=warnings)
        return Written(self._put(at, new, owners), created=True, warnings=warnings)

    def _updated(self, at: Address, live: Stored, decoded: Decoded, write: Write) -> Written:
        new = decoded.document
        metadata = child(new, "metadata")
        check_uid(at, live, text(metadata, "uid"))
        check_version(at, live, text(metadata, "resourceVersion"))
        owners = ownership.requested(new, live.owners)
        new = completed(at, addressed(new, at), live)
        manager = Manager(write.manager, UPDATE)
        owners = ownership.update(at.kind, live.bare, new, owners, manager, _now())
        return self._stored(at, live, new, owners, write, decoded.unknown)

    def _stored(  # noqa: PLR0913, PLR0917 - the object before and after, its owners and who sends it
        self,
        at: Address,
        live: Stored,
        new: Document,
        owners: Owners,
        write: Write,
        unknown: tuple[str, ...],
    ) -> Written:
        faults = validation.change_faults(at.kind, live.bare, new)
        new = completed(at, new, live)
        faults = [*validation.faults(at.kind, new), *faults]
        if faults:
            raise invalid(at.kind, at.name, faults)
        warnings = tuple(unknown_fields(unknown)) if write.field_validation == "Warn" else ()
        if new == live.bare and _same_owners(owners, live.owners):
            return Written(live, warnings=warnings)
        if write.dry_run:
            return Written(Stored.of(new, owners), warnings=warnings)
        metadata = child(new, "metadata")
        if metadata.get("deletionTimestamp") and not words(metadata, "finalizers"):
            gone = Stored.of(new, owners)
            self._drop(at, gone)
            return Written(gone, warnings=warnings)
        return Written(self._put(at, new, owners), warnings=warnings)

    def _put(self, at: Address, new: Document, owners: Owners) -> Stored:
        version = str(self._store.next_version())
        metadata = {**child(new, "metadata"), "resourceVersion": version}
        stored = Stored.of({**new, "metadata": metadata}, owners)
        self._store.put(at.kind, at.key, stored)
        return stored

    def _drop(self, at: Address, last: Stored) -> None:
        version = str(self._store.next_version())
        metadata = {**last.metadata, "resourceVersion": version}
        gone = Stored.of({**last.bare, "metadata": metadata}, last.owners)
        self._store.drop(at.kind, at.key, gone)

    def _drop_namespace(self, at: Address, live: Stored) -> None:
        for kind in KINDS.values():
            for stored in list(self._store.all(kind, at.name)) if kind.namespaced else ():
                self._drop(Address(kind, at.name, text(stored.metadata, "name")), stored)
        self._drop(at, live)

    def _bound(self, namespace: str) -> Iterator[tuple[str, Rule]]:
        """Yield each user that has a Role in the namespace, with each of its rules."""
        for binding in self._store.all(ROLE_BINDING, namespace) if namespace else ():
            role = self._store.get(ROLE, namespace, bound_role(binding.bare))
            for rule in role_rules(role.bare, namespace) if role else ():
                for user in bound_users(binding.bare):
                    yield user, rule


def _merged(at: Address, live: Stored | None, config: Document, write: Write) -> Applied:
    before = live.bare if live else {}
    try:
        applied = ownership.apply(
            at.kind,
            before,
            config,
            live.owners if live else {},
            Manager(write.manager, APPLY),
            _now(),
            force=write.force,
            yielded=taken_over(at.kind, before) if write.manager == KUBECTL else frozenset(),
        )
    except FieldConflictError as error:
        raise field_conflict(error) from error
    if write.manager != KUBECTL:
        return applied
    return replace(applied, document=refreshed(before, applied.document, config))


def _same_owners(one: Owners, other: Owners) -> bool:
    """Whether both own the same; when they last wrote does not count."""
    return {manager: owned.paths for manager, owned in one.items()} == {
        manager: owned.paths for manager, owned in other.items()
    }


def _marked_deleted(document: Document) -> Document:
    metadata = child(document, "metadata")
    if metadata.get("deletionTimestamp"):
        return document
    marks: Document = {"deletionTimestamp": _now(), "deletionGracePeriodSeconds": 0}
    return {**document, "metadata": {**metadata, **marks}}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
