"""What only the emulator can do: stop and start, faults, counts, and its direct API."""

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3

from local.authority import Authority
from local.kubernetes import Cluster, kubernetes_app
from local.kubernetes.documents import Json, child, text
from local.kubernetes.status import ApiError
from local.serving import LOOPBACK, Servers
from tests.contract.api_servers import ApiServer, emulator

JSON_PATCH = "application/json-patch+json"
_PATH = "/api/v1/namespaces/n/secrets"


@pytest.fixture
def cluster() -> Cluster:
    """Make a cluster with the namespace `n`."""
    cluster = Cluster()
    cluster.create_namespace("n")
    return cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[ApiServer]:
    """Serve the cluster."""
    with emulator(cluster) as server:
        yield server


@contextmanager
def _http(ca_pem: bytes) -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(
        ssl_context=ssl.create_default_context(cadata=ca_pem.decode())
    ) as pool:
        yield pool


def test_state_survives_the_server(cluster: Cluster) -> None:
    """A server that stops and starts on the same port serves what was there."""
    cluster.put_secret("n", "s", {"a": b"one"})
    cluster.add_token("t", "admin")
    authority = Authority.create()
    tls = authority.server_context(LOOPBACK)
    with Servers() as servers:
        port = servers.serve(kubernetes_app(cluster), tls)
        servers.stop(port)
        assert servers.serve(kubernetes_app(cluster), tls, port) == port
        with _http(authority.pem) as http:
            answer = http.request(
                "GET",
                f"https://{LOOPBACK}:{port}{_PATH}/s",
                headers={"Authorization": "Bearer t"},
            )
    assert answer.json()["data"] == {"a": "b25l"}


def test_planned_statuses_are_answered_once_each(cluster: Cluster, server: ApiServer) -> None:
    """A planned status meets the next requests of its verb, with Retry-After."""
    cluster.put_secret("n", "s", {})
    cluster.faults.fail(503, 2, verb="get", retry_after=7)
    assert server.call("GET", _PATH).status == 200
    answers = [server.call("GET", f"{_PATH}/s") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_planned_reset_breaks_the_connection(cluster: Cluster, server: ApiServer) -> None:
    """A planned reset gives no answer, and nothing is written."""
    cluster.faults.reset(verb="create")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        server.call("POST", _PATH, {"metadata": {"name": "s"}})
    assert server.call("GET", f"{_PATH}/s").status == 404


def test_requests_are_counted(cluster: Cluster, server: ApiServer) -> None:
    """Requests are counted by verb and resource until reset."""
    cluster.requests.reset()
    server.call("GET", _PATH)
    server.call("GET", f"{_PATH}/s")
    assert cluster.requests.count("get", "secrets") == 1
    assert cluster.requests.count(resource="secrets") == 2
    cluster.requests.reset()
    assert cluster.requests.count() == 0


def test_unknown_path_says_what_is_missing(server: ApiServer) -> None:
    """A resource that this server lacks is named in the answer."""
    refused = server.call("GET", "/api/v1/namespaces/n/configmaps")
    assert refused.status == 404
    assert "/api/v1/namespaces/n/configmaps" in refused.message


@pytest.mark.parametrize(
    ("media", "patch", "named"),
    [
        (JSON_PATCH, [{"op": "add", "path": "/data/b", "value": "MQ=="}], "add"),
        (JSON_PATCH, [{"op": "replace", "path": "/none/b", "value": ""}], "rejected our request"),
    ],
)
def test_a_patch_of_another_kind_is_refused(
    cluster: Cluster, server: ApiServer, media: str, patch: Json, named: str
) -> None:
    """What this server does not do with a patch it says, and does nothing."""
    cluster.put_secret("n", "s", {"a": b"one"})
    before = cluster.secret("n", "s")
    refused = server.call("PATCH", f"{_PATH}/s", patch, media=media)
    assert refused.status in {400, 422}
    assert named in refused.message
    assert cluster.secret("n", "s") == before


def test_tokens_of_an_issuer_are_mapped() -> None:
    """A cluster asks its issuer about tokens it does not know."""
    cluster = Cluster({"fixed": "alice"}, {"issued": "bob"}.get)
    users = [cluster.authenticate(token) for token in ("fixed", "issued", "other", "")]
    assert users == ["alice", "bob", None, None]


def test_deleted_namespace_takes_its_secrets(cluster: Cluster) -> None:
    """With a namespace its Secrets go."""
    cluster.put_secret("n", "s", {})
    cluster.delete_namespace("n")
    cluster.create_namespace("n")
    with pytest.raises(ApiError, match="not found"):
        cluster.secret("n", "s")


def test_direct_writes_have_their_manager(cluster: Cluster) -> None:
    """The direct API writes as the manager it is told."""
    cluster.put_secret("n", "s", {"a": b"one", "b": b"two"}, manager="first")
    cluster.patch_data("n", "s", {"a": b"other", "b": None}, manager="second")
    assert cluster.data("n", "s") == {"a": b"other"}
    entries = child(cluster.secret("n", "s"), "metadata")["managedFields"]
    assert isinstance(entries, list)
    managers = [text(entry, "manager") for entry in entries if isinstance(entry, dict)]
    assert sorted(managers) == ["first", "second"]


def test_watch_reports_changes_in_order(cluster: Cluster, server: ApiServer) -> None:
    """A watch from a version reports each later change, and a selector its comings and goings."""
    since = cluster.version
    cluster.put_secret("n", "s", {}, metadata={"labels": {"app": "x"}})
    cluster.patch_data("n", "s", {"a": b"one"})
    cluster.put_secret("n", "s", {})
    with _http(server.ca_pem) as http:
        watched = http.request(
            "GET",
            f"{server.url}{_PATH}",
            fields={
                "watch": "1",
                "resourceVersion": since,
                "labelSelector": "app=x",
                "timeoutSeconds": "1",
            },
            headers={"Authorization": f"Bearer {server.admin_token}"},
        )
    types = [json.loads(line)["type"] for line in watched.data.splitlines()]
    assert types == ["ADDED", "MODIFIED", "DELETED"]


def test_a_stopped_server_ends_its_watches(cluster: Cluster) -> None:
    """A watch ends with its server; writes go on."""
    cluster.add_token("t", "admin")
    authority = Authority.create()
    with Servers() as servers, _http(authority.pem) as http:
        port = servers.serve(kubernetes_app(cluster), authority.server_context(LOOPBACK))
        watched = http.request(
            "GET",
            f"https://{LOOPBACK}:{port}{_PATH}",
            fields={"watch": "1"},
            headers={"Authorization": "Bearer t"},
            preload_content=False,
        )
        cluster.put_secret("n", "s", {})
        assert json.loads(watched.readline())["type"] == "ADDED"
        servers.stop(port)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            watched.readline()
    cluster.patch_data("n", "s", {"a": b"one"})
    assert cluster.data("n", "s") == {"a": b"one"}


def test_an_old_version_cannot_be_watched(cluster: Cluster) -> None:
    """A watch from before the kept changes gives 410."""
    with pytest.raises(ApiError) as refused:
        cluster.watch(1, lambda _: None)
    assert refused.value.code == 410


def test_made_up_tokens_are_refused(server: ApiServer) -> None:
    """A token that nobody issued gives 401."""
    assert server.call("GET", _PATH, token=secrets.token_hex(4)).status == 401
