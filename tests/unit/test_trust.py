"""Whom TLS connections trust: by real handshakes, with and without a proxy, and at what cost."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from azure.core.rest import HttpRequest
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import SSLError

from local.authority import Authority
from local.proxy import Proxy
from local.serving import LOOPBACK, Servers
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.transport import azure_session
from sync.adapters.azure.vault_transport import VaultTransport
from sync.adapters.kubernetes.address import Address, connect
from sync.adapters.kubernetes.connection import Call, Connection
from sync.core.errors import SyncError
from tests.kit.errors import raises
from tests.kit.loads import noted_loads
from tests.kit.scripted import Answer, Scripted, soon
from tests.kit.tokens import Token
from tests.unit.test_adapter_key_vault import VAULT

GOOD, OTHER = "good.example", "other.example"
VERSION = Call("GET", "/version")

type Ask = Callable[[str, Path], int]
"""Asks a host while the authorities of that file are trusted; returns the status."""


def ask_azure(host: str, bundle: Path) -> int:
    """Ask by the session that clients of the Azure SDK share."""
    with (
        pytest.MonkeyPatch.context() as patch,
        azure_session(hosts=1, connections=1) as session,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        return session.get(f"https://{host}/", timeout=20).status_code


def ask_vault(host: str, bundle: Path) -> int:
    """Ask by the transport that vaults share."""
    transport = VaultTransport(hosts=1, connections=1)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
            return transport.send(HttpRequest("GET", f"https://{host}/")).status_code
    finally:
        transport.hang_up()


def ask_cluster(host: str, bundle: Path) -> int:
    """Ask by an endpoint of a cluster."""
    endpoint = connect(Address(f"https://{host}", bundle.read_text()))
    try:
        return Connection(endpoint, None).send(VERSION, soon()).status
    finally:
        endpoint.pool.clear()


async def end(listening: asyncio.Server) -> None:
    """Break all its connections off."""
    listening.close()
    listening.abort_clients()
    await listening.wait_closed()


@pytest.fixture(params=["http", "https"])
def proxied(
    request: pytest.FixtureRequest,
    servers: Servers,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Lead both hosts, by a proxy, to a server whose certificate is for the first."""
    proxy = Proxy()
    port = servers.serve(Scripted([Answer()]).app(), authority.server_context(GOOD))
    proxy.route(GOOD, port)
    proxy.route(OTHER, port)
    tls = authority.server_context(LOOPBACK) if request.param == "https" else None

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await proxy.handle(reader, writer)
        except* NotImplementedError:  # TLS has no end of one direction
            pass
        finally:
            writer.close()

    listening = servers.run(asyncio.start_server(handle, LOOPBACK, 0, ssl=tls))
    way = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"{request.param}://{LOOPBACK}:{way}")
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield
    servers.run(end(listening))
    servers.stop(port)


@pytest.fixture
def bundle(tmp_path: Path, authority: Authority) -> Path:
    """Write a bundle of real size, to which the servers' authority belongs."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(Path(DEFAULT_CA_BUNDLE_PATH).read_bytes() + authority.pem)
    return path


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize("ask", [ask_azure, ask_vault, ask_cluster])
def test_a_host_by_a_proxy_is_verified(ask: Ask, bundle: Path, tmp_path: Path) -> None:
    """The right host is taken; a wrong name and an authority that nobody trusts are refused."""
    assert ask(GOOD, bundle) == 200
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        ask(OTHER, bundle)
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Authority.create().pem)
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        ask(GOOD, stranger)


@pytest.mark.parametrize("ask", [ask_azure, ask_vault, ask_cluster])
@pytest.mark.parametrize(("name", "trusted"), [(LOOPBACK, True), (LOOPBACK, False), (OTHER, True)])
def test_a_host_is_verified(  # noqa: PLR0913 - a case and its fixtures
    ask: Ask,
    servers: Servers,
    authority: Authority,
    tmp_path: Path,
    name: str,
    *,
    trusted: bool,
) -> None:
    """So is one that is reached without a proxy."""
    port = servers.serve(Scripted([Answer()]).app(), authority.server_context(name))
    path = tmp_path / "ca.pem"
    path.write_bytes((authority if trusted else Authority.create()).pem)
    if name == LOOPBACK and trusted:
        assert ask(f"{LOOPBACK}:{port}", path) == 200
    else:
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            ask(f"{LOOPBACK}:{port}", path)
    servers.stop(port)


def test_a_server_is_verified_by_the_name_that_it_is_given(
    servers: Servers, authority: Authority
) -> None:
    """A kubeconfig's tls-server-name stands in for the URL's host, and no other name does."""
    port = servers.serve(Scripted([Answer()]).app(), authority.server_context(GOOD))
    address = Address(f"https://{LOOPBACK}:{port}", authority.pem.decode(), server_name=GOOD)
    endpoint = connect(address)
    assert Connection(endpoint, None).send(VERSION, soon()).status == 200
    endpoint.pool.clear()
    for name in (OTHER, None):
        with pytest.raises(SSLError):
            Connection(connect(replace(address, server_name=name)), None).send(VERSION, soon())
    servers.stop(port)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each time that authorities are loaded."""
    return noted_loads(monkeypatch)


def test_many_connections_to_azure_load_the_bundle_once(
    servers: Servers,
    authority: Authority,
    bundle: Path,
    loads: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads that all connect at once, by sessions of their own, share what one has loaded."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    scripted = Scripted([Answer()])
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    begin = threading.Barrier(8)

    def ask(_number: int) -> int:
        with azure_session(hosts=1, connections=1) as session:
            begin.wait(20)
            return session.get(f"https://{LOOPBACK}:{port}/", timeout=20).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {200}
    assert len({request.client for request in scripted.requests}) == 8
    assert loads == [{"cafile": bundle}]
    servers.stop(port)


def test_clusters_of_one_authority_load_it_once(
    servers: Servers, authority: Authority, loads: list[object]
) -> None:
    """However many endpoints and connections there are; another authority is another load."""
    scripted = Scripted([Answer()])
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    pem = authority.pem.decode() + "\n"  # as no other test has it
    address = Address(f"https://{LOOPBACK}:{port}", pem)
    endpoints = [connect(address), connect(address)]
    for endpoint in endpoints:
        for _ in range(2):
            Connection(endpoint, None).send(VERSION, soon())
            endpoint.pool.clear()
    assert len({request.client for request in scripted.requests}) == 4
    assert loads == [{"cadata": pem}]
    connect(Address(address.url, Authority.create().pem.decode()))
    assert len(loads) == 2
    servers.stop(port)


def test_a_bundle_that_is_replaced_is_loaded_again(
    servers: Servers, authority: Authority, tmp_path: Path
) -> None:
    """A renewed authority of a proxy is trusted without a restart."""
    port = servers.serve(Scripted([Answer()]).app(), authority.server_context(LOOPBACK))
    path = tmp_path / "ca.pem"
    path.write_bytes(Authority.create().pem)
    os.utime(path, (1, 1))
    with pytest.raises(requests.exceptions.SSLError):
        ask_azure(f"{LOOPBACK}:{port}", path)
    path.write_bytes(authority.pem)
    assert ask_azure(f"{LOOPBACK}:{port}", path) == 200
    servers.stop(port)


def subject_hash(name: str) -> str:
    """Return by which name OpenSSL looks for the authority of a common name."""
    value = name.lower().encode()
    pair = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(value)]) + value
    encoded = b"\x31" + bytes([len(pair) + 2]) + b"\x30" + bytes([len(pair)]) + pair
    digest = hashlib.sha1(encoded, usedforsecurity=False).digest()
    return digest[3::-1].hex()


def test_a_bundle_may_be_a_folder(servers: Servers, authority: Authority, tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE may name a folder that c_rehash has prepared."""
    port = servers.serve(Scripted([Answer()]).app(), authority.server_context(LOOPBACK))
    with pytest.raises(requests.exceptions.SSLError):
        ask_azure(f"{LOOPBACK}:{port}", tmp_path)
    (tmp_path / f"{subject_hash('Key Vault Sync local stack')}.0").write_bytes(authority.pem)
    assert ask_azure(f"{LOOPBACK}:{port}", tmp_path) == 200
    servers.stop(port)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_cannot_be_read_is_told(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no bug of the app: the message names the variable."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:9")
    vaults = KeyVaults(Token(), "vault.azure.net")
    with raises(SyncError, "VaultCertificateRefused", "REQUESTS_CA_BUNDLE"):
        vaults.get(VAULT, "a", soon(3))
    vaults.close()
