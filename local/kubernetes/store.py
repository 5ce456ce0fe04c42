"""The storage: objects by kind, namespace and name, one resource version, and the changes."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from local.kubernetes.documents import Document, child, dump, text
from local.kubernetes.kinds import Kind
from local.kubernetes.managed_fields import Owners, render
from local.kubernetes.status import ApiError

_FIRST_VERSION = 100
"""High enough that a made-up resource version, such as "1", is never an object's."""
_CHANGES_KEPT = 2000

type Key = tuple[str, str]
type Deliver = Callable[["Change"], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: without managedFields, its owners, and its JSON as served."""

    bare: Document = field(repr=False)
    owners: Owners = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, bare: Document, owners: Owners) -> "Stored":
        """Render an object; its kind comes first."""
        ordered = {**_head(bare), **bare}
        return cls(ordered, owners, dump(served(ordered, owners)))

    @property
    def metadata(self) -> Document:
        """The object's metadata, without managedFields."""
        return child(self.bare, "metadata")

    @property
    def document(self) -> Document:
        """The object as served."""
        return served(self.bare, self.owners)

    @property
    def listed_body(self) -> bytes:
        """Its JSON as a list item, without its kind."""
        return b"{" + self.body[len(dump(_head(self.bare))) :]


def _head(bare: Document) -> Document:
    return {key: value for key in ("kind", "apiVersion") if (value := bare.get(key))}


def served(bare: Document, owners: Owners) -> Document:
    """Return the object with `metadata.managedFields`."""
    if not owners:
        return bare
    entries = render(owners, text(bare, "apiVersion"))
    return {**bare, "metadata": {**child(bare, "metadata"), "managedFields": entries}}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object, as a watch reports it."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    namespace: str
    after: Stored
    before: Stored | None


class Store:
    """The objects; every change takes the next resource version and is reported to the watchers."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, Stored]] = {}
        self._changes: deque[Change] = deque(maxlen=_CHANGES_KEPT)
        self._watchers: list[Deliver] = []
        self.version = _FIRST_VERSION

    def get(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        """Return the object if it exists."""
        return self._objects.get(kind.collection, {}).get((namespace, name))

    def all(self, kind: Kind, namespace: str) -> Iterator[Stored]:
        """Yield the namespace's objects by name; those of all namespaces if none is given."""
        for (its_namespace, _), stored in sorted(
            self._objects.get(kind.collection, {}).items(), key=lambda item: item[0]
        ):
            if namespace in ("", its_namespace):
                yield stored

    def put(self, kind: Kind, key: Key, bare: Document, owners: Owners) -> Stored:
        """Store an object under the next resource version."""
        stored = Stored.of(self._versioned(bare), owners)
        objects = self._objects.setdefault(kind.collection, {})
        before = objects.get(key)
        objects[key] = stored
        how: Literal["ADDED", "MODIFIED"] = "MODIFIED" if before else "ADDED"
        self._tell(Change(self.version, how, kind, key[0], stored, before))
        return stored

    def drop(self, kind: Kind, key: Key, last: Stored) -> None:
        """Remove an object; watchers see `last`, with the next resource version."""
        before = self._objects[kind.collection].pop(key)
        gone = Stored.of(self._versioned(last.bare), last.owners)
        self._tell(Change(self.version, "DELETED", kind, key[0], gone, before))

    def clear(self, kind: Kind) -> None:
        """Remove all objects of a kind that is not served any more."""
        self._objects.pop(kind.collection, None)

    def _versioned(self, bare: Document) -> Document:
        self.version += 1
        metadata = {**child(bare, "metadata"), "resourceVersion": str(self.version)}
        return {**bare, "metadata": metadata}

    def watch(self, since: int | None, deliver: Deliver) -> Callable[[], None]:
        """Deliver each change after that version; return a function that ends it. 410 if old."""
        if since is not None and since < self.version:
            oldest = self._changes[0].version if self._changes else self.version + 1
            if since < oldest - 1:
                raise ApiError(410, "Expired", f"too old resource version: {since} ({oldest - 1})")
            for change in self._changes:
                if change.version > since:
                    deliver(change)
        self._watchers.append(deliver)
        return lambda: self._watchers.remove(deliver)

    def _tell(self, change: Change) -> None:
        self._changes.append(change)
        for deliver in self._watchers:
            deliver(change)
