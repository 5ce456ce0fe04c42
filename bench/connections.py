"""Bare connections to the stack, used by the load generator in its own process."""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from local.serving import LOOPBACK
from tests.kit.site import OWN, target_of

_HTTPS = 443
_API = "?api-version=7.4"


@dataclass(frozen=True, slots=True)
class Access:
    """The ports and their credentials; `vault_port` bypasses the proxy."""

    ca: Path
    proxy_port: int
    vault_port: int
    cluster_port: int
    host_port: int
    vault_token: str = field(repr=False)
    cluster_token: str = field(repr=False)
    webhook: str = field(repr=False)
    master_key: str = field(repr=False)

    def vault(self, name: str) -> "Line":
        """Connect to a vault directly."""
        host = f"{name}.vault.azure.net".lower()
        return Line(self._tls(host, self.vault_port), self._bearer(self.vault_token))

    def vault_by_proxy(self, name: str) -> "Line":
        """Connect to a vault through the proxy, as the app must."""
        trust = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection(LOOPBACK, self.proxy_port, context=trust)
        connection.set_tunnel(f"{name}.vault.azure.net".lower(), _HTTPS)
        return Line(connection, self._bearer(self.vault_token))

    def cluster(self) -> "Line":
        """Connect to the API server with the app's permissions."""
        return Line(self._tls(LOOPBACK, self.cluster_port), self._bearer(self.cluster_token))

    def host(self) -> "Line":
        """Connect to the Functions host, as Event Grid and operators do."""
        headers = {
            "x-functions-key": self.master_key,
            "aeg-event-type": "Notification",
            "Content-Type": "application/json",
        }
        return Line(HTTPConnection(LOOPBACK, self.host_port), headers)

    def _tls(self, host: str, port: int) -> HTTPSConnection:
        trust = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection(host, context=trust)
        plain = socket.create_connection((LOOPBACK, port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock = trust.wrap_socket(plain, server_hostname=host)
        return connection

    @staticmethod
    def _bearer(token: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token}"}


class Line:
    """One keep-alive connection and the headers of each of its requests."""

    def __init__(self, connection: HTTPConnection, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._headers = headers

    def ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> bytes:
        """Send one request; raises RuntimeError for an unsuccessful response."""
        kind = {"Content-Type": content_type} if content_type else {}
        self._connection.request(method, path, body, {**self._headers, **kind})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{method} {path.partition('?')[0]} was answered {answer.status}")
        return content

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def secret_path(name: str) -> str:
    """Return the path of a secret's current version."""
    return f"/secrets/{name}/{_API}"


def list_path() -> str:
    """Return the path of a vault's first listing page."""
    return f"/secrets{_API}"


def put_secret(vault: Line, name: str, value: str) -> str:
    """Set a secret; return the id of the new version, as a URL."""
    body = json.dumps({"value": value}).encode()
    made: dict[str, str] = json.loads(
        vault.ask("PUT", f"/secrets/{name}{_API}", body, "application/json")
    )
    return made["id"]


def kubernetes_path(namespace: str) -> str:
    """Return the API server's path of a namespace's `keyvault-project`."""
    return f"/api/v1/namespaces/{namespace}/secrets/{OWN}"


def own_path(vault: str) -> str:
    """Return the API server's path of a vault's own Secret."""
    return kubernetes_path(target_of(vault)[0])
