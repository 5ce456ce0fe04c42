"""Resource Manager and a deployment service on loopback, for what deploys with the login of az."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from infra.azure import Clock
from local.authority import Authority
from local.proxy import Proxy
from local.serving import LOOPBACK, Servers
from tests.infra.bicep_files import Value

MANAGER = "management.azure.com"
SERVICE = "kvsync.scm.azurewebsites.net"
TOKEN = "a-token-that-only-azure-is-sent"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
APP = f"{GROUP}/providers/Microsoft.Web/sites/kvsync"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/kvsync"

_AZ = f"""#!/bin/sh
case "$*" in
  "cloud show --query endpoints.resourceManager "*) echo https://{MANAGER}/ ;;
  "account get-access-token --subscription {SUBSCRIPTION} "*) echo {TOKEN} ;;
  *) echo "ERROR: Please run 'az login'." >&2; exit 1 ;;
esac
"""

type Json = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Fault:
    """What Event Grid says to a PUT: at once, or (`polled`) by the operation that it starts."""

    code: str
    polled: bool = False

    def error(self) -> Json:
        """Return the error, as Resource Manager spells it."""
        return {"code": self.code, "message": "As the test wants it."}


@dataclass(slots=True)
class Steps(Clock):
    """A clock that waiting moves, and nothing else."""

    seconds: float = 0

    def now(self) -> float:
        """Return the seconds slept so far."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.seconds += seconds


@dataclass(slots=True)
class AzureServer:
    """What Azure has, and how it is to answer; `faults` are of a topic's next PUTs."""

    subscriptions: dict[str, Json] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    packages: list[bytes] = field(default_factory=list)
    deployments: list[list[tuple[int, Json]]] = field(default_factory=list)
    uploads: list[tuple[int, str]] = field(default_factory=list)
    _operations: dict[str, list[Json]] = field(default_factory=dict)

    def manager(self) -> web.Application:
        """Return Resource Manager: the app, event subscriptions and their operations."""
        app = web.Application()
        subscription = "/{topic:.+}/eventSubscriptions/{name}"
        app.router.add_get("/operations/{id}", self._operation)
        app.router.add_get("/deleted/{id:.+}", self._deleted)
        app.router.add_get(APP, self._site)
        app.router.add_get(subscription, self._get)
        app.router.add_put(subscription, self._put)
        app.router.add_delete(subscription, self._delete)
        return app

    def service(self) -> web.Application:
        """Return the app's deployment service."""
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/api/publish", self._publish)
        app.router.add_get("/api/deployments/{id}", self._deployment)
        return app

    async def _operation(self, request: web.Request) -> web.Response:
        _logged_in(request)
        states = self._operations[request.match_info["id"]]
        return web.json_response(states.pop(0) if len(states) > 1 else states[0])

    async def _site(self, request: web.Request) -> web.Response:
        _logged_in(request)
        hosts: list[Value] = [
            {"name": "kvsync.azurewebsites.net", "hostType": "Standard"},
            {"name": SERVICE, "hostType": "Repository"},
        ]
        return web.json_response({"id": APP, "properties": {"hostNameSslStates": hosts}})

    async def _get(self, request: web.Request) -> web.Response:
        topic = _topic(request)
        if topic not in self.subscriptions:
            return _error(404, {"code": "ResourceNotFound", "message": "It is not there."})
        return web.json_response(self.subscriptions[topic])

    async def _put(self, request: web.Request) -> web.Response:
        topic = _topic(request)
        self.puts.append(topic)
        faults = self.faults.get(topic, [])
        fault = faults.pop(0) if faults else None
        if fault is not None and not fault.polled:
            return _error(400, fault.error())
        body = await request.json()
        kept: Json = {**body["properties"], "topic": topic.upper(), "provisioningState": "Creating"}
        self.subscriptions[topic] = {"name": request.match_info["name"], "properties": kept}
        number = str(len(self.puts))
        if fault is None:
            kept["provisioningState"] = "Succeeded"
            last: Json = {"status": "Succeeded"}
        else:
            kept["provisioningState"] = "Failed"
            last = {"status": "Failed", "error": fault.error()}
        self._operations[number] = [{"status": "InProgress"}, last]
        headers = {"Azure-AsyncOperation": f"https://{MANAGER}/operations/{number}"}
        creating = {"properties": {**kept, "provisioningState": "Creating"}}
        return web.json_response(creating, status=201, headers=headers)

    async def _delete(self, request: web.Request) -> web.Response:
        topic = _topic(request)
        headers = {"Location": f"https://{MANAGER}/deleted{topic}"}
        return web.Response(status=202, headers=headers)

    async def _deleted(self, request: web.Request) -> web.Response:
        _logged_in(request)
        known = self.subscriptions.pop(f"/{request.match_info['id']}", None)
        return web.Response(status=202 if known else 204)

    async def _publish(self, request: web.Request) -> web.Response:
        _logged_in(request)
        assert request.query["RemoteBuild"] == "false"
        assert request.content_type == "application/zip"
        body = await request.read()
        status, text = self.uploads.pop(0) if self.uploads else (202, '"deployment-1"')
        if status == 202:
            self.packages.append(body)
        return web.Response(status=status, text=text)

    async def _deployment(self, request: web.Request) -> web.Response:
        _logged_in(request)
        assert request.match_info["id"] == "deployment-1"
        states = self.deployments[0]
        status, body = states.pop(0)
        if not states:
            self.deployments.pop(0)
        return web.json_response(body, status=status)


def topic(name: str) -> str:
    """Return the resource id of a vault's topic."""
    return f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/{name}"


@contextmanager
def azure_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    """Serve it under Azure's names, and put an `az` on the PATH that is logged in there."""
    server, authority, proxy = AzureServer(), Authority.create(), Proxy()
    az = folder / "az"
    az.write_text(_AZ)
    az.chmod(0o755)
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem)
    with Servers() as servers:
        for host, app in ((MANAGER, server.manager()), (SERVICE, server.service())):
            proxy.route(host, servers.serve(app, authority.server_context(host)))
        url = f"http://{LOOPBACK}:{servers.listen(proxy.handle)}"
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        yield server


def _topic(request: web.Request) -> str:
    _logged_in(request)
    assert request.query["api-version"] == "2025-02-15"
    assert request.match_info["name"] == "key-vault-sync"
    return urlsplit(request.path).path.partition("/eventSubscriptions/")[0]


def _logged_in(request: web.Request) -> None:
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def _error(status: int, error: Json) -> web.Response:
    return web.json_response({"error": error}, status=status)
