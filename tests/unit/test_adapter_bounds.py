"""What an answer may take of time and memory, whoever sends it, and what Retry-After may say."""

import asyncio
import gzip
import logging
import time
import tracemalloc
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
import urllib3
from aiohttp import web

from local.authority import Authority
from local.faults import Fault
from local.kubernetes import kubeconfig
from local.serving import LOOPBACK, Servers
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigText
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.adapters.wire import bounded_body as body
from sync.adapters.wire.retry_after import retry_after
from sync.core.errors import SyncError, Transient
from sync.telemetry import quiet_sdks
from tests.kit.scripted import behind_proxy, soon
from tests.kit.tokens import Token
from tests.leaks.dye import PLANTED
from tests.unit.test_adapter_key_vault import BUNDLE, VAULT, challenge
from tests.unit.test_adapter_kubernetes import TARGET

type Ask = Callable[[float], object]

_MIB = 1 << 20


@pytest.fixture(params=["vault", "cluster"])
def ask(
    request: pytest.FixtureRequest,
    fault: Fault,
    servers: Servers,
    authority: Authority,
    tmp_path: Path,
) -> Iterator[Ask]:
    """Return a call within so many seconds to a server that has a fault."""

    async def answer(asked: web.Request) -> web.StreamResponse:
        if request.param == "vault" and "Authorization" not in asked.headers:
            return web.Response(status=401, headers=challenge().headers)

        async def usual() -> web.StreamResponse:
            return web.json_response(BUNDLE)

        return await fault.meet(asked, usual, lambda status: web.Response(status=status))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    port = servers.serve(app, authority.server_context("*.vault.azure.net", LOOPBACK))
    config = kubeconfig(f"https://{LOOPBACK}:{port}", authority.pem, "t")
    clusters = Clusters([ClusterConfig("main", KubeconfigText(config))])
    vaults = KeyVaults(Token(), "vault.azure.net")
    calls: dict[str, Ask] = {
        "vault": lambda seconds: vaults.get(VAULT, "db-url", soon(seconds)),
        "cluster": lambda seconds: KubernetesSecrets(clusters).read(TARGET, soon(seconds)),
    }
    with behind_proxy(servers, authority, tmp_path, {"*.vault.azure.net": port}):
        yield calls[request.param]
    vaults.close()
    clusters.close()
    servers.stop(port)


def failure(ask: Ask, seconds: float) -> SyncError:
    """Return what the call ends in."""
    with pytest.raises(SyncError) as caught:
        ask(seconds)
    return caught.value


@pytest.mark.parametrize(
    "fault", [Fault(drip=0.3), Fault(drip=0.3, endless_head=True)], ids=["body", "head"]
)
def test_an_answer_that_drips_ends_with_the_deadline(ask: Ask) -> None:
    """A server that sends a byte now and then keeps nobody longer than one that sends none."""
    began = time.monotonic()
    assert failure(ask, 2).reason in {"VaultUnreachable", "ClusterUnreachable"}
    assert time.monotonic() - began < 10  # dripping to its end takes a minute


@pytest.mark.parametrize(
    "fault",
    [Fault(body=gzip.compress(bytes(256 * _MIB), 1), headers={"Content-Encoding": "gzip"})],
    ids=["gzip"],
)
def test_an_answer_that_unfolds_does_not_fill_the_memory(ask: Ask) -> None:
    """An answer larger than any service's is dropped where that shows, however small it came."""
    tracemalloc.start()
    try:
        error = failure(ask, 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, Transient)
    assert error.reason in {"VaultAnswerBroken", "ClusterAnswerBroken"}
    assert peak < 8 * body.LARGEST_BYTES


def test_no_library_logs_a_damaged_head(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    """Of an answer whose head cannot be read no part gets into the log."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{PLANTED}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    quiet_sdks()
    port = servers.listen(answer)
    assert urllib3.request("GET", f"http://{LOOPBACK}:{port}/", retries=False).status == 200
    servers.stop(port)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("9" * 400, 3600.0),
        ("inf", 3600.0),
        ("nan", None),
        ("soon", None),
        ("; ;", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_a_time_of_this_world_or_none(
    header: str | None, seconds: float | None
) -> None:
    """Seconds or a date, never below none nor above an hour; what is neither says nothing."""
    assert retry_after({} if header is None else {"Retry-After": header}) == seconds


def test_retry_after_may_be_a_date() -> None:
    """A date is so many seconds from now."""
    wait = retry_after({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert wait is not None
    assert 90 < wait <= 100
