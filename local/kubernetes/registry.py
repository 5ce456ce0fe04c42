"""The API's verbs on namespaces and Secrets: what each read and write does."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from local.kubernetes import managed_fields as ownership
from local.kubernetes import validation
from local.kubernetes.admission import (
    Address,
    addressed,
    bare,
    check_address,
    check_namespace,
    check_preconditions,
    check_uid,
    check_uid_of_absent,
    check_version,
    completed,
    made,
    marked_deleted,
    without,
)
from local.kubernetes.applying import checked_config, config_label, merged
from local.kubernetes.authorization import Access, Attempt
from local.kubernetes.catalogue import Catalogue
from local.kubernetes.controllers import status
from local.kubernetes.documents import Document, Json, child, dump, text, words
from local.kubernetes.kinds import DEFINITION, NAMESPACE, Kind
from local.kubernetes.managed_fields import UPDATE, Manager, Owners
from local.kubernetes.objects import DecodeError, decode, decode_sent
from local.kubernetes.options import Write, Written
from local.kubernetes.patch import PatchType, patched
from local.kubernetes.selectors import Selector
from local.kubernetes.status import (
    ApiError,
    already_exists,
    forbidden,
    invalid,
    invalid_patch,
    not_found,
    success,
    terminating,
)
from local.kubernetes.store import Change, Deliver, Store, Stored

_KEPT_NAMESPACES = ("default", "kube-system", "kube-public")


class Registry:
    """The stored objects; thread-safe."""

    def __init__(
        self, clock: Callable[[], float] = time.time, kinds: Catalogue | None = None
    ) -> None:
        self.kinds = kinds or Catalogue()
        self._clock = clock
        self._lock = threading.RLock()
        self._store = Store()
        self._store.watch(None, self._defined)
        self.access = Access(self._store)

    def allows(self, user: str, attempt: Attempt) -> bool:
        """Whether the user has the permission, by a grant or by a Role bound in the namespace."""
        with self._lock:
            return self.access.allows(user, attempt)

    def now(self) -> str:
        """Return the time in the form used in objects."""
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def read(self, kind: Kind, namespace: str, name: str) -> Stored:
        """Return the object, or 404."""
        with self._lock:
            stored = self._store.get(kind, namespace, name)
        if stored is None:
            raise not_found(kind, name)
        return stored

    def list(self, kind: Kind, namespace: str, selector: Selector) -> tuple[list[Stored], str]:
        """Return the selected objects and the resource version at which they were read."""
        with self._lock:
            found = [s for s in self._store.all(kind, namespace) if selector.matches(s.bare)]
            return found, str(self._store.version)

    def watch(self, since: int | None, deliver: Deliver) -> Callable[[], None]:
        """Deliver each change after a version, in order; return a function that ends it."""
        with self._lock:
            end = self._store.watch(since, deliver)

        def ended() -> None:
            with self._lock, suppress(ValueError):
                end()

        return ended

    def create(self, kind: Kind, namespace: str, body: Json, write: Write) -> Written:
        """POST an object."""
        decoded = decode_sent(kind, body, write.field_validation)
        metadata = child(decoded.document, "metadata")
        with self._lock, write.told(decoded.told) as warnings:
            check_namespace(namespace, metadata)
            at = Address(kind, namespace, text(metadata, "name"))
            new = addressed(decoded.document, at)
            new = without(new, "deletionTimestamp", "deletionGracePeriodSeconds")
            owners = ownership.requested(new, {})
            manager = Manager(write.manager, UPDATE)
            owners = ownership.update(kind, kind.empty, bare(new), owners, manager, self.now())
            version = text(metadata, "resourceVersion")
            return replace(self._created(at, new, owners, write, version), warnings=warnings)

    def replace(self, kind: Kind, namespace: str, name: str, body: Json, write: Write) -> Written:
        """PUT an object."""
        decoded = decode_sent(kind, body, write.field_validation)
        at = Address(kind, namespace, name)
        metadata = child(decoded.document, "metadata")
        with self._lock, write.told(decoded.told) as warnings:
            check_address(at, metadata)
            live = self.read(kind, namespace, name)
            check_uid(at, live, text(metadata, "uid"))
            return replace(self._updated(at, live, decoded.document, write), warnings=warnings)

    def patch(  # noqa: PLR0913, PLR0917 - an address, a patch and who sends it
        self, kind: Kind, namespace: str, name: str, how: PatchType, patch: Json, write: Write
    ) -> Written:
        """PATCH an object; a server-side apply creates it if it is absent."""
        at = Address(kind, namespace, name)
        with self._lock:
            if how == "apply":
                return self._applied(at, patch, write)
            live = self.read(kind, namespace, name)
            result = patched(kind.schema, live.document, how, patch)
            assert isinstance(result, dict)
            try:
                decoded = decode(kind, result)
                decoded.check(write.field_validation)
            except DecodeError as error:
                spilled = f"map[{patch}]" if how == "strategic" else dump(result).decode()
                raise invalid_patch(spilled, str(error)) from error
            with write.told(decoded.told) as warnings:
                check_address(at, child(decoded.document, "metadata"))
                return replace(self._updated(at, live, decoded.document, write), warnings=warnings)

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        wanted: Document | None = None,
        *,
        dry_run: bool = False,
    ) -> Document:
        """DELETE an object: return a `Status`, or the object if it outlives the call."""
        with self._lock:
            live = self.read(kind, namespace, name)
            at = Address(kind, namespace, name)
            check_preconditions(at, live, wanted or {})
            if kind is NAMESPACE and name in _KEPT_NAMESPACES:
                raise forbidden(kind, name, "this namespace may not be deleted")
            if kind is NAMESPACE:
                return self._end_namespace(at, live, dry_run=dry_run).document
            if words(live.metadata, "finalizers"):
                marked = marked_deleted(live.bare, self.now())
                if not dry_run and marked != live.bare:
                    live = self._store.put(at.kind, at.key, marked, live.owners)
                return live.document
            if not dry_run:
                self._drop(at, live)
            return success(kind, name, text(live.metadata, "uid"))

    def _applied(self, at: Address, config: Json, write: Write) -> Written:
        config = checked_config(at, config)
        live = self._store.get(at.kind, at.namespace, at.name)
        metadata = child(config, "metadata")
        named: Document = {} if live is None else {"name": at.name}
        version = text(metadata, "resourceVersion")
        config = without(config, "resourceVersion")
        config = {**config, "metadata": {**named, **child(config, "metadata")}}
        applied = merged(at, live, config, version, write, self.now())
        try:
            decoded = decode(at.kind, applied.document)
        except DecodeError as error:
            why = f"failed to convert new object ({config_label(at.kind, config)}): {error}"
            raise ApiError(500, "", why) from error
        check_address(at, child(decoded.document, "metadata"))
        new = addressed(decoded.document, at)
        if live is None:
            check_uid_of_absent(at, text(metadata, "uid"))
            return self._created(at, bare(new), applied.owners, write, version)
        check_version(at, live, version)
        return self._stored(at, live, (new, completed(at, new, live)), applied.owners, write)

    def _created(
        self, at: Address, new: Document, owners: Owners, write: Write, version: str
    ) -> Written:
        asked = text(child(new, "metadata"), "resourceVersion")
        home = self._store.get(NAMESPACE, "", at.namespace) if at.kind.namespaced else None
        if at.kind.namespaced and home is None:
            raise not_found(NAMESPACE, at.namespace)
        if home is not None and home.metadata.get("deletionTimestamp"):
            raise terminating(at.kind, at.namespace, at.name)
        new = made(at.kind, new, self.now())
        if faults := validation.faults(at.kind, new):
            raise invalid(at.kind, at.name, faults)
        attempt = Attempt("create", at.kind.plural, at.namespace, at.name, at.kind.group)
        if write.user is not None and not self.allows(write.user, attempt):
            raise forbidden(at.kind, at.name, attempt.refusal(write.user))
        if asked not in ("", "0") and not write.dry_run:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if self._store.get(at.kind, at.namespace, at.name) is not None:
            raise already_exists(at.kind, at.name)
        if not write.dry_run:
            return Written(self._put(at, new, owners), created=True)
        told: Document = {"resourceVersion": version} if version else {}
        shown: Document = {**new, "metadata": {**child(new, "metadata"), **told}}
        return Written(Stored.of(shown, owners), created=True)

    def _updated(self, at: Address, live: Stored, new: Document, write: Write) -> Written:
        metadata = child(new, "metadata")
        check_version(at, live, text(metadata, "resourceVersion"))
        owners = ownership.requested(new, live.owners)
        sent = addressed(new, at)
        new = completed(at, sent, live)
        manager = Manager(write.manager, UPDATE)
        owners = ownership.update(at.kind, live.bare, new, owners, manager, self.now())
        return self._stored(at, live, (sent, new), owners, write)

    def _stored(
        self,
        at: Address,
        live: Stored,
        change: tuple[Document, Document],
        owners: Owners,
        write: Write,
    ) -> Written:
        """Store a change: the object as sent, and as it would be stored."""
        sent, new = change
        if faults := validation.update_faults(at.kind, live.bare, sent, new):
            raise invalid(at.kind, at.name, faults)
        if new == live.bare and ownership.same(owners, live.owners):
            return Written(live)
        metadata = child(new, "metadata")
        ends = metadata.get("deletionTimestamp") and not words(metadata, "finalizers")
        last = Stored.of(new, owners)
        if write.dry_run or ends:
            if not write.dry_run:
                self._drop(at, last)
            return Written(last)
        return Written(self._put(at, new, owners))

    def _put(self, at: Address, new: Document, owners: Owners) -> Stored:
        """Store an object; its status follows at once, as a write of its own."""
        stored = self._store.put(at.kind, at.key, new, owners)
        if followed := status(at.kind, stored.bare, self.now()):
            self._store.put(at.kind, at.key, {**stored.bare, "status": followed}, owners)
        return stored

    def _defined(self, change: Change) -> None:
        """Serve a kind while its definition is there; its objects go with it."""
        if change.kind is DEFINITION and change.type != "DELETED":
            self.kinds.define(change.after.bare)
        elif change.kind is DEFINITION and (gone := self.kinds.forget(change.after.bare)):
            self._store.clear(gone)

    def _drop(self, at: Address, last: Stored) -> None:
        self._store.drop(at.kind, at.key, last)
        home = self._store.get(NAMESPACE, "", at.namespace) if at.kind.namespaced else None
        if home is not None and home.metadata.get("deletionTimestamp"):
            self._drop_if_empty(Address(NAMESPACE, "", at.namespace), home)

    def _end_namespace(self, at: Address, live: Stored, *, dry_run: bool) -> Stored:
        """Terminate a namespace, as a controller does: it goes once everything in it is gone."""
        marked: Document = {
            **marked_deleted(live.bare, self.now()),
            "status": {"phase": "Terminating"},
        }
        child(marked, "metadata").pop("deletionGracePeriodSeconds", None)
        if dry_run:
            return Stored.of(marked, live.owners)
        if marked != live.bare:
            live = self._store.put(at.kind, at.key, marked, live.owners)
        for kind in self.kinds:
            for stored in list(self._store.all(kind, at.name)) if kind.namespaced else ():
                self.delete(kind, at.name, text(stored.metadata, "name"))
        if self._store.get(NAMESPACE, "", at.name) is not None:
            self._drop_if_empty(at, live)
        return live

    def _drop_if_empty(self, at: Address, live: Stored) -> None:
        kinds = (kind for kind in self.kinds if kind.namespaced)
        if not any(True for kind in kinds for _ in self._store.all(kind, at.name)):
            self._drop(at, live)
