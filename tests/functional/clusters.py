"""The app's cluster in these tests: a real API server where there is one, else the emulator."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from local.kubernetes import AnyCluster, Cluster, Write
from local.kubernetes.authorization import bound_users
from local.kubernetes.cluster import ADMIN
from local.kubernetes.documents import Document, Json, child, items, text, words
from local.kubernetes.kinds import NAMESPACE, SECRET, Kind
from local.kubernetes.objects import decoded_data
from local.kubernetes.patch import PATCH_TYPES, PatchType
from local.kubernetes.status import ApiError
from local.stack import Stack, local_stack
from tests.contract.api_servers import ApiServer, real_server
from tests.kit.waiting import wait_until

_MEDIA: Mapping[PatchType, str] = {how: media for media, how in PATCH_TYPES.items()}
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_VERBS = ("get", "create", "patch")
_OF_THE_CONNECTION = {"connection", "content-length", "date", "transfer-encoding"}


@contextmanager
def started_stack(
    folder: Path, identify: Callable[[str], str | None] | None = None
) -> Iterator[Stack]:
    """Start a stack; the environment says whether the app's cluster in it is a real one.

    `identify` returns whom a bearer token that the stack has not given out stands for.
    """
    with real_server() as server, ExitStack() as cleanup:
        cluster: AnyCluster = Cluster(identify=identify)
        if server:
            cluster = real = RealCluster(server, identify)
            cleanup.callback(real.clear)
        with local_stack(folder, cluster) as stack:
            yield stack


class RealCluster(AnyCluster):
    """A real API server behind the stack's door, each request sent on as its user's.

    What it counts and its faults are the door's; whatever gets through, the real server decides.
    """

    def __init__(
        self, server: ApiServer, identify: Callable[[str], str | None] | None = None
    ) -> None:
        super().__init__(identify=identify)
        self._server = server
        self._namespaces: set[str] = set()

    async def answer(self, request: web.Request, user: str) -> web.StreamResponse:
        """Send the request on; watches are not for this door, which waits for the whole answer."""
        headers = {
            name: request.headers[name]
            for name in ("Accept", "Content-Type", "User-Agent")
            if name in request.headers
        }
        if user != ADMIN:
            headers["Impersonate-User"] = user
        body = await request.read()
        answer = await asyncio.to_thread(
            self._server.send, request.method, request.raw_path, body, headers
        )
        told = CIMultiDict(
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in _OF_THE_CONNECTION
        )
        return web.Response(body=answer.data, status=answer.status, headers=told)

    def document(self, kind: Kind, namespace: str, name: str) -> Document:
        """GET the object."""
        return self._ask("GET", kind.path(namespace, name))

    def secrets(self, namespace: str) -> Mapping[str, Mapping[str, bytes]]:
        """LIST the Secrets."""
        listed = self._ask("GET", SECRET.path(namespace))
        return {
            text(child(each, "metadata"), "name"): decoded_data(each)
            for each in items(listed, "items")
        }

    def create(self, kind: Kind, namespace: str, body: Json, write: Write) -> object:
        """POST an object."""
        return self._ask("POST", kind.path(namespace), body, fieldManager=write.manager)

    def replace(self, kind: Kind, namespace: str, name: str, body: Json, write: Write) -> object:
        """PUT an object."""
        return self._ask("PUT", kind.path(namespace, name), body, fieldManager=write.manager)

    def patch(  # noqa: PLR0913, PLR0917 - an address, a patch and who sends it
        self, kind: Kind, namespace: str, name: str, how: PatchType, patch: Json, write: Write
    ) -> object:
        """PATCH an object."""
        force = {"force": "true"} if write.force else {}
        path = kind.path(namespace, name)
        query = {"fieldManager": write.manager, **force}
        return self._ask("PATCH", path, patch, _MEDIA[how], **query)

    def delete(self, kind: Kind, namespace: str, name: str) -> object:
        """DELETE an object."""
        return self._ask("DELETE", kind.path(namespace, name))

    def define(self, definition: Document) -> Kind:
        """Apply the definition, and wait until its kind is served."""
        self.kinds.define(definition)
        kind = super().define(definition)
        wait_until(lambda: self._server.call("GET", kind.collection).status == 200)
        return kind

    def write_status(self, kind: Kind, namespace: str, name: str, new: Document) -> None:
        """PATCH the object's status."""
        path = f"{kind.path(namespace, name)}/status"
        self._ask("PATCH", path, {"status": new}, _MEDIA["merge"])

    def create_namespace(self, name: str) -> None:
        """Make a namespace."""
        super().create_namespace(name)
        self._namespaces.add(name)

    def delete_namespace(self, name: str) -> None:
        """Remove a namespace with its Secrets, and finalize it where no controller would."""
        self._ask("DELETE", SECRET.path(name))
        self.delete(NAMESPACE, "", name)
        finalized: Document = {"metadata": {"name": name}, "spec": {"finalizers": []}}
        self._ask("PUT", NAMESPACE.path("", name) + "/finalize", finalized)
        self._namespaces.discard(name)
        self._until_refused(name)

    def bind(self, role: Document, binding: Document) -> None:
        """Apply both, and wait until the server goes by them."""
        super().bind(role, binding)
        namespace = text(child(role, "metadata"), "namespace")
        rules = [rule for rule in items(role, "rules") if "secrets" in words(rule, "resources")]
        for user in bound_users(binding):
            for name in {name for rule in rules for name in words(rule, "resourceNames")}:
                for verb in _VERBS:
                    allowed = any(verb in words(rule, "verbs") for rule in rules)
                    attributes: Document = {
                        "verb": verb,
                        "resource": "secrets",
                        "namespace": namespace,
                        "name": name,
                    }
                    self._until(user, attributes, allowed=allowed)

    def clear(self) -> None:
        """Remove the namespaces, for the sake of a server that outlives the tests."""
        for name in self._namespaces:
            self.delete(NAMESPACE, "", name)

    def _ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        media: str = "application/json",
        **query: str,
    ) -> Document:
        answer = self._server.call(method, path, body, media=media, query=query)
        if answer.status >= 400:
            raise ApiError(answer.status, answer.reason, answer.message)
        return answer.body

    def _until(self, user: str, attributes: Document, *, allowed: bool) -> None:
        review: Document = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        wait_until(
            lambda: child(self._ask("POST", _REVIEWS, review), "status")["allowed"] is allowed
        )

    def _until_refused(self, namespace: str) -> None:
        """Wait until admission, which has a cache of namespaces, knows that this one is gone."""
        body: Document = {"metadata": {"name": "probe"}}
        path = SECRET.path(namespace)
        wait_until(lambda: self._server.call("POST", path, body, dryRun="All").status == 404)
