"""The adapters over answers that are given, in process: nothing is sent and nothing is slept."""

from collections.abc import Mapping
from io import BytesIO
from unittest.mock import patch

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse

from sync.adapters.azure import key_vault
from sync.adapters.azure import resource_manager as arm
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.resource_manager import ResourceManager
from sync.adapters.azure.vault_transport import VaultTransport
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.connection import Answer, Call
from sync.core.ports import Deadline
from tests.kit.tokens import Token


class CannedClusters(Clusters):
    """Clusters that all answer the same."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(())
        self._answer = Answer(status, headers, body)

    def ask(self, cluster: str, call: Call, deadline: Deadline) -> Answer:  # noqa: ARG002 - the base's
        """Return the answer."""
        return self._answer


class _Canned(HTTPAdapter):
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__()
        self._given = status, headers, body

    def send(
        self, request: requests.PreparedRequest, *_args: object, **_options: object
    ) -> requests.Response:
        status, headers, body = self._given
        raw = HTTPResponse(BytesIO(body), headers, status, preload_content=False)
        return self.build_response(request, raw)


def _session(status: int, headers: Mapping[str, str], body: bytes) -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Canned(status, headers, body))
    return session


def canned_transport(status: int, headers: Mapping[str, str], body: bytes) -> RequestsTransport:
    """Return a transport of the Azure SDK that always answers so."""
    transport = RequestsTransport(session=_session(status, headers, body), session_owner=False)
    transport.sleep = _no_rest
    return transport


def _no_rest(_seconds: float) -> None:
    """Take none between tries."""


def canned_vaults(status: int, headers: Mapping[str, str], body: bytes) -> KeyVaults:
    """Return vaults that always answer so."""

    class Canned(VaultTransport):
        def _pool(self, host: str, port: int) -> HTTPConnectionPool:
            return _CannedPool(host, port)

        def sleep(self, duration: float) -> None:
            """Take no rest between tries."""

    class _CannedPool(HTTPConnectionPool):
        def urlopen(self, *_args: object, **_options: object) -> HTTPResponse:
            return HTTPResponse(BytesIO(body), headers, status, preload_content=False)

    with patch.object(key_vault, "VaultTransport", Canned):
        return KeyVaults(Token(), "vault.azure.net")


def resource_manager(status: int, headers: Mapping[str, str], body: bytes) -> ResourceManager:
    """Return a resource manager that always answers so."""
    transport = canned_transport(status, headers, body)
    with patch.object(arm, "azure_transport", lambda _session: transport):
        return ResourceManager(Token())
