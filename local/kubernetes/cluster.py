"""A cluster: its users, its faults, and direct ways to create and inspect objects."""

import base64
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

from aiohttp import web

from local.kubernetes.answers import answer
from local.kubernetes.authorization import ANY, Rule
from local.kubernetes.catalogue import Catalogue, custom_kind
from local.kubernetes.documents import Document, Json, array, child, strings, text, texts
from local.kubernetes.faults import Faults, Requests
from local.kubernetes.kinds import DEFINITION, NAMESPACE, ROLE, ROLE_BINDING, SECRET, Kind
from local.kubernetes.objects import decoded_data
from local.kubernetes.options import Write
from local.kubernetes.patch import PatchType
from local.kubernetes.registry import Registry
from local.kubernetes.selectors import Selector
from local.kubernetes.status import ApiError

ADMIN = "admin"
"""The user with all permissions."""

type Fields = Literal["lost", "kept", "none"]
"""What a restored object's managed fields are."""

_SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_EVERYTHING = Rule(verbs=(ANY,), resources=(ANY,), groups=(ANY,))


class AnyCluster(ABC):
    """A cluster behind the stack's own server: it outlives the servers that serve it.

    `tokens` maps bearer tokens to users; `identify` is called for any other token.
    """

    def __init__(
        self,
        tokens: Mapping[str, str] | None = None,
        identify: Callable[[str], str | None] | None = None,
    ) -> None:
        self._tokens = dict(tokens or {})
        self._identify = identify
        self.kinds = Catalogue()
        self.faults = Faults()
        self.requests = Requests()
        self.observers: list[Callable[[str, str], None]] = []
        """Called with the verb and the resource of each request once it has been carried out."""

    def authenticate(self, token: str) -> str | None:
        """Return a bearer token's user."""
        user = self._tokens.get(token)
        if user is None and self._identify is not None and token:
            return self._identify(token)
        return user

    def add_token(self, token: str, user: str) -> None:
        """Map the token to the user."""
        self._tokens[token] = user

    def remove_token(self, token: str) -> None:
        """Remove the token."""
        self._tokens.pop(token, None)

    @abstractmethod
    async def answer(self, request: web.Request, user: str) -> web.StreamResponse:
        """Answer the request as the API server does for that user; may raise ApiError."""

    @abstractmethod
    def document(self, kind: Kind, namespace: str, name: str) -> Document:
        """Return the object as a GET would; raises ApiError, like all of these."""

    @abstractmethod
    def secrets(self, namespace: str) -> Mapping[str, Mapping[str, bytes]]:
        """Return the data of every Secret of the namespace, decoded."""

    @abstractmethod
    def create(self, kind: Kind, namespace: str, body: Json, write: Write) -> object:
        """POST an object."""

    @abstractmethod
    def replace(self, kind: Kind, namespace: str, name: str, body: Json, write: Write) -> object:
        """PUT an object."""

    @abstractmethod
    def patch(  # noqa: PLR0913, PLR0917 - an address, a patch and who sends it
        self, kind: Kind, namespace: str, name: str, how: PatchType, patch: Json, write: Write
    ) -> object:
        """PATCH an object."""

    @abstractmethod
    def delete(self, kind: Kind, namespace: str, name: str) -> object:
        """DELETE an object."""

    @abstractmethod
    def write_status(self, kind: Kind, namespace: str, name: str, new: Document) -> None:
        """Give an object another status, as its controller does."""

    @abstractmethod
    def delete_namespace(self, name: str) -> None:
        """Remove a namespace with its Secrets; permissions in it stay, like a ClusterRole's."""

    def create_namespace(self, name: str) -> None:
        """Create a namespace."""
        self.create(NAMESPACE, "", {"metadata": {"name": name}}, Write())

    def bind(self, role: Document, binding: Document) -> None:
        """Apply a Role and its RoleBinding; they are in force on return."""
        for kind, document in ((ROLE, role), (ROLE_BINDING, binding)):
            metadata = child(document, "metadata")
            where = text(metadata, "namespace"), text(metadata, "name")
            self.patch(kind, *where, "apply", document, Write("kubectl", force=True))

    def define(self, definition: Document) -> Kind:
        """Apply a CustomResourceDefinition; its kind is served on return."""
        name = text(child(definition, "metadata"), "name")
        self.patch(DEFINITION, "", name, "apply", definition, Write("kubectl", force=True))
        return custom_kind(definition)

    def secret(self, namespace: str, name: str) -> Document:
        """Return the whole Secret."""
        return self.document(SECRET, namespace, name)

    def data(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return the Secret's data, decoded."""
        found = texts(self.secret(namespace, name), "data")
        return {key: base64.b64decode(value) for key, value in found.items()}

    def put_secret(  # noqa: PLR0913 - what a test may want to set
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        *,
        manager: str = "somebody",
        metadata: Document | None = None,
        immutable: bool = False,
    ) -> None:
        """Create or replace a Secret as that manager."""
        body: Document = {
            "metadata": {**(metadata or {}), "name": name},
            "data": _encoded(data),
            "immutable": immutable,
        }
        try:
            self.create(SECRET, namespace, body, Write(manager))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            self.replace(SECRET, namespace, name, body, Write(manager))

    def patch_data(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes | None],
        *,
        manager: str = "somebody",
    ) -> None:
        """Set keys of a Secret as that manager; None removes a key."""
        kept = _encoded({key: value for key, value in data.items() if value is not None})
        gone = dict.fromkeys(key for key, value in data.items() if value is None)
        patch: Document = {"data": {**kept, **gone}}
        self.patch(SECRET, namespace, name, "merge", patch, Write(manager))

    def delete_secret(self, namespace: str, name: str) -> None:
        """Remove a Secret."""
        self.delete(SECRET, namespace, name)

    def restore_secret(self, backup: Document, *, manager: str, fields: Fields = "lost") -> None:
        """Make a Secret again from a backup of it, in place of one that is there, as that manager.

        The new Secret has another uid. Its managed fields are `lost`, so that the manager owns all;
        `kept`, as newer Velero does; or there are `none`.
        """
        metadata = child(backup, "metadata")
        namespace, name = text(metadata, "namespace"), text(metadata, "name")
        dropped = {"resourceVersion", "uid", "creationTimestamp", "managedFields"}
        left = {field: value for field, value in metadata.items() if field not in dropped}
        body: Document = {**backup, "metadata": left}
        with suppress(ApiError):
            self.delete_secret(namespace, name)
        self.create(SECRET, namespace, body, Write(manager))
        if fields != "lost":
            listed = metadata["managedFields"] if fields == "kept" else array([{}])
            patched: Document = {**body, "metadata": {**left, "managedFields": listed}}
            self.replace(SECRET, namespace, name, patched, Write(manager))


class Cluster(Registry, AnyCluster):
    """The emulated cluster: its state is in memory."""

    def __init__(
        self,
        tokens: Mapping[str, str] | None = None,
        identify: Callable[[str], str | None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        AnyCluster.__init__(self, tokens, identify)
        Registry.__init__(self, clock, self.kinds)
        self.access.grant(ADMIN, [_EVERYTHING])
        for name in _SYSTEM_NAMESPACES:
            self.create_namespace(name)

    def grant(self, user: str, *rules: Rule) -> None:
        """Give the user these rules in addition to existing ones."""
        self.access.grant(user, rules)

    async def answer(self, request: web.Request, user: str) -> web.StreamResponse:
        """Answer from what is stored."""
        return await answer(self, request, user)

    def document(self, kind: Kind, namespace: str, name: str) -> Document:
        """Return the object that is stored."""
        return self.read(kind, namespace, name).document

    @property
    def version(self) -> str:
        """The resource version of the last change."""
        return str(self._store.version)

    def write_status(self, kind: Kind, namespace: str, name: str, new: Document) -> None:
        """Give an object another status."""
        with self._lock:
            live = self.read(kind, namespace, name)
            self._store.put(kind, (namespace, name), {**live.bare, "status": new}, live.owners)

    def secrets(self, namespace: str) -> Mapping[str, Mapping[str, bytes]]:
        """Return what is stored."""
        found, _ = self.list(SECRET, namespace, Selector())
        return {text(each.metadata, "name"): decoded_data(each.bare) for each in found}

    def delete_namespace(self, name: str) -> None:
        """Remove a namespace; the users of its Roles keep the same permissions as grants."""
        for user, rule in list(self.access.bound(name)):
            self.grant(user, rule)
        self.delete(NAMESPACE, "", name)


def _encoded(data: Mapping[str, bytes]) -> Document:
    return strings({key: base64.b64encode(value).decode() for key, value in data.items()})
