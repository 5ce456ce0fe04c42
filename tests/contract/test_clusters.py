"""How the connections to clusters trust and log in, against servers that insist on it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local.api_server import AKS_AUDIENCE, ApiServer
from local.authority import Authority
from local.identity import Identity
from local.serving import LOOPBACK, Servers
from sync.adapters.azure.aks import ClusterEndpoint
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import (
    Aks,
    ClusterConfig,
    Entra,
    KubeconfigText,
    Reach,
    Server,
)
from sync.adapters.kubernetes.connection import Call
from sync.adapters.kubernetes.login.factory import Azure
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from tests.kit.chains import chain_of, key_pem, pem
from tests.kit.errors import raises
from tests.kit.kubeconfigs import document, encoded
from tests.kit.scripted import Answer, Scripted, soon
from tests.kit.tokens import Issued

VERSION = Call("GET", "/version")


@dataclass(slots=True)
class Whereabouts:
    """Tells where the cluster is, as Azure Resource Manager does, or fails."""

    server: ApiServer
    asked: int = 0
    failure: SyncError | None = None

    def __call__(self, _resource_id: str, _deadline: Deadline) -> ClusterEndpoint:
        """Tell."""
        self.asked += 1
        if self.failure:
            raise self.failure
        return ClusterEndpoint(self.server.url, self.server.authority.pem.decode())


@pytest.fixture
def identity() -> Identity:
    """Make the identity whose tokens the cluster takes."""
    return Identity()


@pytest.fixture
def server(servers: Servers, identity: Identity) -> Iterator[ApiServer]:
    """Start a cluster that knows the identity."""
    server = ApiServer.start_for(identity, servers, AKS_AUDIENCE)
    yield server
    server.stop()


@pytest.fixture
def whereabouts(server: ApiServer) -> Whereabouts:
    """Stand where Azure tells of the cluster."""
    return Whereabouts(server)


@pytest.fixture
def azure(identity: Identity, whereabouts: Whereabouts) -> Iterator[Azure]:
    """Stand in for Azure."""
    credential = Issued(identity)
    vaults = KeyVaults(credential, "vault.azure.net")
    yield Azure(vaults, credential, lambda: Issued(identity), whereabouts)
    vaults.close()


def reached(reach: Reach, azure: Azure | None = None) -> Clusters:
    """Configure one cluster."""
    return Clusters([ClusterConfig("main", reach)], azure)


def status(clusters: Clusters) -> int:
    """Ask for the version."""
    return clusters.ask("main", VERSION, soon()).status


def test_a_client_certificate_speaks_for_us(servers: Servers) -> None:
    """A server that wants a client certificate gets the kubeconfig's, and no token."""
    authority, scripted = Authority.create(), Scripted([Answer(200, {"major": "1"})])
    chain = chain_of("P-256", 1)
    key, certificate = key_pem(chain.key), pem(*chain.certificates)
    context = authority.server_context(LOOPBACK)
    context.verify_mode, context.check_hostname = context.verify_mode.CERT_REQUIRED, False
    context.load_verify_locations(cadata=certificate)
    port = servers.serve(scripted.app(), context)

    def config(**user: object) -> KubeconfigText:
        ca = encoded(authority.pem.decode())
        cluster = {"server": f"https://{LOOPBACK}:{port}", "certificate-authority-data": ca}
        return KubeconfigText(document(user, **cluster))

    data = {
        "client-certificate-data": encoded(certificate),
        "client-key-data": encoded(key),
    }
    clusters = reached(config(**data))
    assert status(clusters) == 200
    clusters.close()
    assert "Authorization" not in scripted.requests[0].headers
    with raises(Transient, "ClusterUnreachable"):
        status(reached(config(token="t")))
    assert len(scripted.requests) == 1
    servers.stop(port)


def test_the_authority_given_is_the_only_one_trusted(server: ApiServer, azure: Azure) -> None:
    """A server is trusted by the PEM of its settings; by another one it gets no token."""
    clusters = reached(Server(server.url, server.authority.pem.decode()), azure)
    assert status(clusters) == 200
    clusters.close()
    stranger = Authority.create().pem.decode()
    with pytest.raises(Transient, match="certificate authority"):
        status(reached(Server(server.url, stranger), azure))


def test_without_an_authority_the_system_s_are_trusted(
    server: ApiServer, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with a certificate of a public authority needs no ca."""
    with pytest.raises(Transient):
        status(reached(Server(server.url), azure))
    system = tmp_path / "system.pem"
    system.write_bytes(server.authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    clusters = reached(Server(server.url), azure)
    assert status(clusters) == 200
    clusters.close()


def test_a_ca_file_that_changes_is_read_again(
    server: ApiServer, azure: Azure, tmp_path: Path
) -> None:
    """Where the authority is a file, a renewed one is taken up when the old one fails."""
    path = tmp_path / "ca.pem"
    clusters = reached(Server(server.url, path), azure)
    with raises(Permanent, "ClusterConfig") as caught:
        status(clusters)
    assert str(path) in caught.value.message
    path.write_bytes(server.authority.pem)
    assert status(clusters) == 200
    server.stop()
    server.authority = Authority.create()
    server.start()
    path.write_bytes(server.authority.pem)
    assert status(clusters) == 200
    clusters.close()


def test_a_lookup_that_fails_leaves_the_failure_at_hand(
    server: ApiServer, azure: Azure, whereabouts: Whereabouts
) -> None:
    """When the cluster and Azure are both away, the cluster's failure is told, not Azure's."""
    clusters = reached(Aks("id"), azure)
    assert status(clusters) == 200
    server.stop()
    whereabouts.failure = Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, "no")
    with raises(Transient, "ClusterUnreachable"):
        status(clusters)
    assert whereabouts.asked == 2
    server.start()
    assert status(clusters) == 200
    clusters.close()


def test_a_lookup_that_fails_at_first_is_told(azure: Azure, whereabouts: Whereabouts) -> None:
    """Before the cluster is known there is nothing else to tell of than what Azure says."""
    whereabouts.failure = Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, "no")
    with pytest.raises(Permanent) as caught:
        status(reached(Aks("id"), azure))
    assert caught.value is whereabouts.failure


def test_one_refusal_costs_one_token(server: ApiServer, azure: Azure) -> None:
    """A cluster that refuses every token gets one more, and for a while no other."""
    issued: list[str] = []
    counting = replace(azure, credential=Issued(Identity(), issued))
    counting = replace(counting, another=lambda: Issued(Identity(), issued))
    login = Entra("api://of-another-cluster")
    clusters = reached(Server(server.url, server.authority.pem.decode(), login), counting)
    for _ in range(5):
        with raises(Permanent, "ClusterUnauthorized", login.audience):
            status(clusters)
    assert issued == ["api://of-another-cluster/.default"] * 2
    clusters.close()
