"""The verbs of the API on namespaces and Secrets: what each read and write does."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from local.kubernetes import go, validation
from local.kubernetes import managed_fields as ownership
from local.kubernetes.admission import (
    SET_BY_SERVER,
    Address,
    addressed,
    bare,
    check_address,
    check_kind,
    check_posted_namespace,
    check_preconditions,
    check_scheme,
    check_uid,
    check_uid_of_absent,
    check_version,
    checked_config,
    completed,
    config_label,
    field_conflict,
    unborn,
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
    decode_patched,
    in_order,
    unknown_fields,
)
from local.kubernetes.patch_bodies import PatchType
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
    terminating,
)
from local.kubernetes.store import Deliver, Store, Stored
from local.kubernetes.versions import check_written_version, fault
from local.kubernetes.writes import Write, Written

_NEVER_GIVEN = frozenset(SET_BY_SERVER) - {"generation"}
_KEPT_NAMESPACES = ("default", "kube-system", "kube-public")


class Registry:
    """The stored objects; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
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

    def allows_everything(self, user: str) -> bool:
        """Whether the user is the administrator."""
        return self.access.allows(user, Attempt("any", "any", group="any"))

    def rules(self, user: str, namespace: str) -> list[Rule]:
        """Return what the user may in the namespace."""
        with self._lock:
            bound = [rule for who, rule in self._bound(namespace) if who == user]
            return [*self.access.rules(user, namespace), *bound]

    def now(self) -> str:
        """Return the time as objects state it."""
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

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
        name = text(metadata, "name")
        if not name and text(metadata, "generateName"):
            name = text(metadata, "generateName") + uuid.uuid4().hex[:5]
        with self._lock, write.told(decoded.unknown) as warnings:
            check_posted_namespace(namespace, metadata)
            at = Address(kind, namespace, name)
            new = unborn(addressed(decoded.document, at))
            owners = ownership.requested(new, {})
            manager = Manager(write.manager, UPDATE)
            owners = ownership.update(kind, {}, bare(new), owners, manager, self.now())
            version = text(metadata, "resourceVersion")
            return replace(self._created(at, new, owners, write, version), warnings=warnings)

    def replace(self, kind: Kind, namespace: str, name: str, body: Json, write: Write) -> Written:
        """PUT an object."""
        decoded = self._decoded(kind, body, write)
        at = Address(kind, namespace, name)
        metadata = child(decoded.document, "metadata")
        with self._lock, write.told(decoded.unknown) as warnings:
            check_address(at, metadata)
            live = self.read(kind, namespace, name)
            check_uid(at, live, text(metadata, "uid"))
            return replace(self._updated(at, live, decoded.document, write), warnings=warnings)

    def patch(  # noqa: PLR0913, PLR0917 - an address, a patch and who sends it
        self, kind: Kind, namespace: str, name: str, how: PatchType, patch: Json, write: Write
    ) -> Written:
        """PATCH an object; a server-side apply creates it where it is absent."""
        at = Address(kind, namespace, name)
        with self._lock:
            if how == "apply":
                with write.told(()) as warnings:
                    return replace(self._applied(at, patch, write), warnings=warnings)
            live = self.read(kind, namespace, name)
            patched = patched_by(live.document, how, patch)
            spilled = go.plain(patch) if how == "strategic" else dump(patched).decode()
            try:
                if how != "strategic":
                    check_scheme(kind, patched, patched=True)
                decoded = decode_patched(kind, patched, of_struct=how == "strategic")
            except DecodeError as error:
                why = error.restored if how == "strategic" else str(error)
                raise invalid_patch(spilled, why) from error
            told = write.repeated + tuple(unknown_fields(decoded.unknown))
            if told and write.field_validation == "Strict":
                raise invalid_patch(spilled, "strict decoding error: " + ", ".join(told))
            with write.told(decoded.unknown) as warnings:
                check_address(at, child(decoded.document, "metadata"))
                return replace(self._updated(at, live, decoded.document, write), warnings=warnings)

    def delete(
        self, kind: Kind, namespace: str, name: str, options: Document, *, dry_run: bool = False
    ) -> Document:
        """DELETE an object: return a `Status`, or the object where that outlives the call."""
        with self._lock:
            live = self.read(kind, namespace, name)
            at = Address(kind, namespace, name)
            check_preconditions(at, live, options)
            if kind is NAMESPACE and name in _KEPT_NAMESPACES:
                raise forbidden(kind, name, "this namespace may not be deleted")
            uid = text(live.metadata, "uid")
            if kind is NAMESPACE:
                return self._end_namespace(at, live, dry_run=dry_run).document
            if words(live.metadata, "finalizers"):
                marked = _marked_deleted(live.bare, self.now())
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
        told = write.repeated + tuple(unknown_fields(decoded.unknown))
        if told and write.field_validation == "Strict":
            raise bad_request(f"{label}strict decoding error: {', '.join(told)}")
        return decoded

    def _applied(self, at: Address, config: Json, write: Write) -> Written:
        config = checked_config(at, config)
        live = self._store.get(at.kind, at.namespace, at.name)
        metadata = child(config, "metadata")
        if live is None:
            self._may_create(at, write)
        kept = {key: v for key, v in metadata.items() if key not in {"resourceVersion", "name"}}
        named: Document = {}
        if "name" in metadata or live is not None:
            named = {"name": metadata.get("name", at.name)}
        version = text(metadata, "resourceVersion")
        applied = _merged(
            at, live, {**config, "metadata": {**kept, **named}}, version, write, self.now()
        )
        try:
            decoded = decode(at.kind, in_order(applied.document, of_struct=True))
        except DecodeError as error:
            label = config_label(at.kind, config)
            why = (
                f"failed to convert new object ({label}) to proper version: unable to convert "
                f"unstructured object to /v1, Kind={at.kind.name}: {error.restored}"
            )
            raise ApiError(500, "", why) from error
        check_address(at, child(decoded.document, "metadata"))
        check_uid_of_absent(at, live, text(metadata, "uid"))
        new = addressed(decoded.document, at)
        check_written_version(version)
        if live is None:
            return self._created(at, bare(new), applied.owners, write, version)
        check_version(at, live, version)
        return self._stored(at, live, (new, completed(at, new, live)), applied.owners, write)

    def _may_create(self, at: Address, write: Write) -> None:
        attempt = Attempt("create", at.kind.plural, at.namespace, at.name, at.kind.group)
        if write.user is not None and not self.allows(write.user, attempt):
            raise forbidden(at.kind, at.name, attempt.refusal(write.user))

    def _created(
        self, at: Address, new: Document, owners: Owners, write: Write, version: str
    ) -> Written:
        born = self._born(at, new, write)
        if write.dry_run:
            return Written(Stored.of(born, owners).at(version), created=True)
        return Written(self._put(at, born, owners), created=True)

    def _born(self, at: Address, new: Document, write: Write) -> Document:
        """Return a new object as it begins; raise ApiError where it cannot."""
        version = text(child(new, "metadata"), "resourceVersion")
        if at.kind.namespaced and self._store.get(NAMESPACE, "", at.namespace) is None:
            raise not_found(NAMESPACE, at.namespace)
        self._refuse_in_terminating(at)
        metadata = {k: v for k, v in child(new, "metadata").items() if k not in _NEVER_GIVEN}
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.now()}
        new = bare({**new, "metadata": metadata})
        if at.kind is NAMESPACE:
            new |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        faults = validation.faults(at.kind, new)
        if faults:
            raise invalid(at.kind, at.name, faults)
        if version not in ("", "0") and not fault(version) and not write.dry_run:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if at.name and self._store.get(at.kind, at.namespace, at.name) is not None:
            raise already_exists(at.kind, at.name)
        return new

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
        """Store a change: the object as it was sent, and as it would be."""
        sent, new = change
        faults = validation.update_faults(at.kind, live.bare, sent, new)
        if faults:
            raise invalid(at.kind, at.name, faults)
        if new == live.bare and _same_owners(owners, live.owners):
            return Written(live)
        if write.dry_run:
            return Written(Stored.of(new, owners))
        metadata = child(new, "metadata")
        if metadata.get("deletionTimestamp") and not words(metadata, "finalizers"):
            gone = Stored.of(new, owners)
            self._drop(at, gone)
            return Written(gone)
        return Written(self._put(at, new, owners))

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
        home = self._store.get(NAMESPACE, "", at.namespace) if at.kind.namespaced else None
        if home is not None and home.metadata.get("deletionTimestamp"):
            self._drop_if_empty(Address(NAMESPACE, "", at.namespace), home)

    def _end_namespace(self, at: Address, live: Stored, *, dry_run: bool) -> Stored:
        """Terminate a namespace, as a controller does: it goes once all that is in it is gone."""
        marked: Document = {
            **_marked_deleted(live.bare, self.now()),
            "status": {"phase": "Terminating"},
        }
        child(marked, "metadata").pop("deletionGracePeriodSeconds", None)
        if dry_run:
            return Stored.of(marked, live.owners)
        ended = live if marked == live.bare else self._put(at, marked, live.owners)
        for kind in KINDS.values():
            for stored in list(self._store.all(kind, at.name)) if kind.namespaced else ():
                self.delete(kind, at.name, text(stored.metadata, "name"), {})
        if self._store.get(NAMESPACE, "", at.name) is not None:
            self._drop_if_empty(at, ended)
        return ended

    def _drop_if_empty(self, at: Address, live: Stored) -> None:
        kinds = (kind for kind in KINDS.values() if kind.namespaced)
        if not any(True for kind in kinds for _ in self._store.all(kind, at.name)):
            self._drop(at, live)

    def _refuse_in_terminating(self, at: Address) -> None:
        home = self._store.get(NAMESPACE, "", at.namespace) if at.kind.namespaced else None
        if home is not None and home.metadata.get("deletionTimestamp"):
            raise terminating(at.kind, at.namespace, at.name)

    def _bound(self, namespace: str) -> Iterator[tuple[str, Rule]]:
        """Yield each user that has a Role in the namespace, with each of its rules."""
        for binding in self._store.all(ROLE_BINDING, namespace) if namespace else ():
            role = self._store.get(ROLE, namespace, bound_role(binding.bare))
            for rule in role_rules(role.bare, namespace) if role else ():
                for user in bound_users(binding.bare):
                    yield user, rule


def _merged(  # noqa: PLR0913, PLR0917 - an address, what was and is to be, who and when
    at: Address, live: Stored | None, config: Document, version: str, write: Write, now: str
) -> Applied:
    before = live.bare if live else {}
    try:
        applied = ownership.apply(
            at.kind,
            before,
            config,
            live.owners if live else {},
            Manager(write.manager, APPLY),
            now,
            force=write.force,
            other_version=version not in ("", text(child(before, "metadata"), "resourceVersion")),
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


def _marked_deleted(document: Document, now: str) -> Document:
    metadata = child(document, "metadata")
    if metadata.get("deletionTimestamp"):
        return document
    marks: Document = {"deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    return {**document, "metadata": {**metadata, **marks}}
