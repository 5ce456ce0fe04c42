"""The way into the local stack: the proxy, and the identity and files that its clients have."""

import asyncio
import json
import os
import socket
import stat
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.authority import Authority
from local.identity import Identity, identity_app
from local.key_vault import KeyVaults, key_vault_app
from local.proxy import Proxy
from local.serving import LOOPBACK, Servers
from local.stack import local_stack

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
RESOURCE = "https://vault.azure.net"
TOKEN = """
import json, sys, azure.identity
with getattr(azure.identity, sys.argv[1])() as credential:
    token = credential.get_token(sys.argv[2])
print(json.dumps([token.token, token.expires_on]))
"""
GET = """
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
with DefaultAzureCredential() as credential:
    with SecretClient("https://weu-ds-akv-shop-dev-1.vault.azure.net", credential) as client:
        print(client.get_secret("a").value)
"""


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Make a loop of servers that ends with the test."""
    with Servers() as servers:
        yield servers


@pytest.fixture
def identity() -> Identity:
    """Make the identity that all clients have."""
    return Identity()


@pytest.fixture
def endpoint(servers: Servers, identity: Identity) -> dict[str, str]:
    """Serve the identity; return the variables that lead to it."""
    return identity.environment(servers.serve(identity_app(identity)))


def python(code: str, *arguments: str, env: dict[str, str]) -> str:
    """Run Python in a process of its own with little more than these variables."""
    done = subprocess.run(  # noqa: S603 - the arguments are this module's own
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], **env},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run curl without any variables of the machine's own."""
    return subprocess.run(  # noqa: S603 - the arguments are this module's own
        ["/usr/bin/env", "curl", "-sS", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("credential", ["ManagedIdentityCredential", "DefaultAzureCredential"])
def test_credentials_get_tokens(
    endpoint: dict[str, str], identity: Identity, credential: str
) -> None:
    """Microsoft's credentials find the endpoint by its variables; the token is for one resource."""
    token, expires_on = json.loads(python(TOKEN, credential, f"{RESOURCE}/.default", env=endpoint))
    assert identity.valid(token, RESOURCE)
    assert not identity.valid(token, "6dae42f8-4368-4678-94ff-3960e28e3630")
    assert abs(expires_on - identity.clock() - identity.lifetime) < 60


def test_credential_may_name_its_client_id(endpoint: dict[str, str], identity: Identity) -> None:
    """A user-assigned identity is asked for by client id."""
    chosen = {"AZURE_CLIENT_ID": identity.client_id}
    token, _ = json.loads(
        python(TOKEN, "DefaultAzureCredential", f"{RESOURCE}/.default", env=endpoint | chosen)
    )
    assert identity.valid(token, RESOURCE)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("api-version=2019-08-01&resource=x", 200),
        ("api-version=2019-08-01", 400),
        ("api-version=2017-09-01&resource=x", 400),
        ("resource=x", 400),
        ("api-version=2019-08-01&resource=x&client_id=other", 400),
    ],
)
def test_endpoint_checks_the_request(endpoint: dict[str, str], query: str, status: int) -> None:
    """Version and resource must be there, and the client id must be the identity's."""
    answer = curl(
        *("--write-out", "\n%{http_code}"),
        *("--header", f"X-IDENTITY-HEADER: {endpoint['IDENTITY_HEADER']}"),
        f"{endpoint['IDENTITY_ENDPOINT']}?{query}",
    )
    body, _, code = answer.stdout.rpartition("\n")
    assert code == str(status)
    assert (status == 200) == ("access_token" in json.loads(body))


def test_endpoint_wants_its_header(endpoint: dict[str, str]) -> None:
    """Who does not know the header gets no token."""
    url = f"{endpoint['IDENTITY_ENDPOINT']}?api-version=2019-08-01&resource=x"
    for header in ("X-IDENTITY-HEADER: wrong", "X-Other: x"):
        answer = curl("--write-out", "%{http_code}", "--header", header, url)
        assert answer.stdout.endswith("401")
    assert "/msi/token" in curl(url.replace("/msi/token", "/token")).stdout


def test_tokens_end() -> None:
    """A token is worth nothing once it has expired or is revoked."""
    now = [1000.0]
    identity = Identity(clock=lambda: now[0], lifetime=60)
    first, second, third = (identity.issue(f"{RESOURCE}/") for _ in range(3))
    identity.revoke(first.secret)
    assert [identity.valid(t.secret, RESOURCE) for t in (first, second)] == [False, True]
    now[0] += 60
    assert not identity.valid(second.secret, RESOURCE)
    identity.revoke()
    now[0] = 0
    assert not identity.valid(third.secret, RESOURCE)
    assert "secret" not in repr(third)
    assert third.secret not in repr(third)


def test_real_client_goes_all_the_way(
    servers: Servers, identity: Identity, endpoint: dict[str, str], tmp_path: Path
) -> None:
    """With variables alone, credential, proxy, trust and vault work together by the real URL."""
    authority, proxy = Authority.create(), Proxy()
    vaults = KeyVaults(token_valid=lambda token: identity.valid(token, RESOURCE))
    vaults.create("weu-ds-akv-shop-dev-1", SUBSCRIPTION).set_secret("a", "planted")
    tls = authority.server_context("*.vault.azure.net")
    proxy.route("*.vault.azure.net", servers.serve(key_vault_app(vaults), tls), vaults.exists)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    env = {
        "HTTPS_PROXY": f"http://{LOOPBACK}:{servers.listen(proxy.handle)}",
        "REQUESTS_CA_BUNDLE": str(ca),
    }
    assert python(GET, env=endpoint | env) == "planted"
    assert proxy.refused == []


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("https://example.com/", 403, "outside of the local stack"),
        ("https://vault.azure.net.example.com/", 403, "outside of the local stack"),
        ("https://a.vault.azure.net:8443/", 403, "outside of the local stack"),
        ("https://10.0.0.1/", 403, "outside of the local stack"),
        ("https://gone.vault.azure.net/", 502, "create it first"),
        ("https://localhost:1/", 502, "nothing answers"),
    ],
)
def test_proxy_refuses_what_is_not_local(
    servers: Servers, target: str, status: int, says: str
) -> None:
    """Nothing leaves the machine: other hosts are refused, named and recorded."""
    proxy = Proxy()
    proxy.route("*.vault.azure.net", 1, lambda host: host.startswith("here."))
    port = servers.listen(proxy.handle)
    answer = curl("--proxy", f"http://{LOOPBACK}:{port}", target)
    assert answer.returncode != 0
    assert f"response {status}" in answer.stderr
    (refused,) = proxy.refused
    with socket.create_connection((LOOPBACK, port), timeout=10) as client:
        client.sendall(f"CONNECT {refused} HTTP/1.1\r\n\r\n".encode())
        assert says in client.makefile().read()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://localhost/ HTTP/1.1\r\n\r\n", 405),
        (b"CONNECT localhost HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT localhost:x HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT localhost:99999 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT localhost:443 HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", 400),
        (b"\r\n\r\n", 405),
    ],
    ids=["get", "no-port", "no-number", "no-such-port", "too-long", "empty"],
)
def test_proxy_refuses_malformed_requests(servers: Servers, head: bytes, status: int) -> None:
    """What is no CONNECT with host and port is answered as such."""
    with socket.create_connection((LOOPBACK, servers.listen(Proxy().handle)), timeout=10) as client:
        client.sendall(head)
        assert client.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_proxy_survives_clients_that_leave_early(servers: Servers) -> None:
    """A client that goes away in the middle of its request harms nobody."""
    port = servers.listen(Proxy().handle)
    with socket.create_connection((LOOPBACK, port), timeout=10) as client:
        client.sendall(b"CONNECT loc")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    with tunnel(port, port):
        pass


def test_proxy_routes_single_hosts(servers: Servers) -> None:
    """A host without a wildcard is routed by its exact name, whatever the case."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()

    proxy = Proxy()
    proxy.route("Login.example.com", servers.listen(greet))
    port = servers.listen(proxy.handle)
    for host, answer in (("LOGIN.example.com", b" 200 "), ("a.login.example.com", b" 403 ")):
        with socket.create_connection((LOOPBACK, port), timeout=10) as client:
            client.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
            assert answer in client.makefile("rb").readline()
    assert proxy.refused == ["a.login.example.com:443"]


def tunnel(proxy_port: int, port: int) -> socket.socket:
    """Return a client's socket that the proxy has joined to that port of loopback."""
    client = socket.create_connection((LOOPBACK, proxy_port), timeout=10)
    client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    greeting = b"HTTP/1.1 200 Connection established\r\n\r\n"
    assert client.recv(len(greeting), socket.MSG_WAITALL) == greeting
    return client


def test_tunnel_keeps_half_open_connections(servers: Servers) -> None:
    """A client that has said all still gets the whole answer, however large."""

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = len(await reader.read())
        writer.write(b"%d " % size + b"x" * 3_000_000)
        await writer.drain()

    port = servers.listen(count)
    with tunnel(servers.listen(Proxy().handle), port) as client:
        client.sendall(b"y" * 2_000_000)
        client.shutdown(socket.SHUT_WR)
        assert len(client.makefile("rb").read()) == len("2000000 ") + 3_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux acknowledges on demand")
def test_tunnel_does_not_wait_for_acknowledgements(servers: Servers) -> None:
    """A request in two parts is not held for the 40 ms by which Linux delays an acknowledgement."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(15):
            await reader.readexactly(8)
            writer.write(b"answer")

    took = []
    with tunnel(servers.listen(Proxy().handle), servers.listen(serve)) as client:
        for _ in range(15):
            began = time.monotonic()
            client.sendall(b"head")
            client.sendall(b"body")
            assert client.recv(6, socket.MSG_WAITALL) == b"answer"
            took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.03


def test_kubeconfigs_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    """The administrator's and the app's have mode 600, even where the umask lets all read."""
    before = os.umask(0)
    try:
        with local_stack(tmp_path) as stack:
            written = {stack.admin_kubeconfig, stack.app_kubeconfig}
    finally:
        os.umask(before)
    assert written == set(tmp_path.glob("*kubeconfig"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}


def test_tunnel_ends_with_either_end(servers: Servers) -> None:
    """A server that dies closes the client's connection; a client that dies, the server's."""
    ended = threading.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1024):
                writer.write(chunk)
        finally:
            ended.set()

    port, proxy_port = servers.listen(echo), servers.listen(Proxy().handle)
    client = tunnel(proxy_port, port)
    client.sendall(b"hello")
    assert client.recv(5) == b"hello"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert ended.wait(10)
    with tunnel(proxy_port, port) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        servers.stop(port)
        assert client.recv(1) == b""


def test_open_tunnels_do_not_hold_the_stack(servers: Servers) -> None:
    """The proxy stops although a client keeps its connection."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    proxy_port = servers.listen(Proxy().handle)
    with tunnel(proxy_port, servers.listen(silent)) as client:
        servers.stop(proxy_port)
        assert client.recv(1) == b""


def test_deaf_clients_do_not_hold_the_stack(servers: Servers) -> None:
    """The proxy and a server stop although a client does not read what was sent to it."""

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 30_000_000)
        await writer.drain()

    port = servers.listen(pour)
    proxy_port = servers.listen(Proxy().handle)
    with tunnel(proxy_port, port) as client:
        assert client.recv(1) == b"x"
        servers.stop(port)
        servers.stop(proxy_port)


def test_port_is_free_once_its_server_stops(servers: Servers) -> None:
    """A proxy that went away can come back where its clients look for it."""
    port = servers.listen(Proxy().handle)
    with tunnel(port, port):
        servers.stop(port)
    assert servers.listen(Proxy().handle, port) == port
    with tunnel(port, port):
        pass
