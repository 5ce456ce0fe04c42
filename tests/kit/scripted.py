"""A TLS server that answers what a test tells it to, for answers that no emulator gives."""

import asyncio
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest
from aiohttp import web

from local.authority import Authority
from local.proxy import Proxy
from local.serving import LOOPBACK, Servers
from sync.core.errors import SyncError
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent, and from which address and port."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gets; `cut` closes the connection halfway through the body."""

    status: int = 200
    body: object = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    content_type: str = "application/json"

    @property
    def raw(self) -> bytes:
        """The body as it goes out: a str as it is, anything else as JSON."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


type Script = Callable[[Request], Answer]


@dataclass(slots=True)
class Scripted:
    """Answers the script's answers in turn, the last one again and again; keeps the requests."""

    answers: list[Answer | Script] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def app(self) -> web.Application:
        """Return the server's application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, sent: web.Request) -> web.StreamResponse:
        client = sent.transport and sent.transport.get_extra_info("peername")
        body = await sent.read()
        request = Request(sent.method, sent.path_qs, dict(sent.headers), body, client)
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not isinstance(answer, Answer):
            answer = answer(request)
        if not answer.cut:
            return web.Response(
                status=answer.status,
                body=answer.raw,
                headers={"Content-Type": answer.content_type} | answer.headers,
            )
        response = web.StreamResponse(
            status=answer.status,
            headers={"Content-Type": answer.content_type, "Content-Length": str(len(answer.raw))},
        )
        await response.prepare(sent)
        await response.write(answer.raw[: len(answer.raw) // 2])
        assert sent.transport is not None
        sent.transport.close()
        return response


@contextmanager
def scripted_servers() -> Iterator[Servers]:
    """Make a loop of servers, and let it see the last clients go before it ends."""
    with Servers() as servers:
        yield servers
        servers.run(_turns())


async def _turns() -> None:
    for _ in range(20):  # a closed TLS connection takes the loop a few turns
        await asyncio.sleep(0)


@dataclass(slots=True)
class Moments:
    """A monotonic clock that goes on only while somebody sleeps; it keeps how long each time."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """Return seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def soon(self, seconds: float = 20.0) -> Deadline:
        """Return a deadline on this clock."""
        return Deadline.after(seconds, self)


def soon(seconds: float = 20.0) -> Deadline:
    """Return a deadline that no test should meet."""
    return Deadline.after(seconds, time.monotonic)


def said(error: SyncError) -> str:
    """Return all that a log may make of an error: text, repr, traceback and what it came from."""
    assert error.__cause__ is None
    assert error.__context__ is None
    return "".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])


type Hosts = Mapping[str, web.Application | int]
"""What is served at each host, or the port that it leads to."""


@contextmanager
def behind_proxy(  # noqa: PLR0913, PLR0917 - what stands there, and for whom
    servers: Servers,
    authority: Authority,
    folder: Path,
    hosts: Hosts,
    environment: Mapping[str, str] = MappingProxyType({}),
    exists: Callable[[str], bool] = lambda _: True,
) -> Iterator[None]:
    """Serve hosts by TLS, or lead to ports, for clients that go by the environment's proxy.

    Of these hosts only those that exist are reached.
    """
    proxy = Proxy()
    ports = [servers.listen(proxy.handle)]
    for host, served in hosts.items():
        port = served
        if isinstance(served, web.Application):
            port = servers.serve(served, authority.server_context(host))
            ports.append(port)
        assert isinstance(port, int)
        proxy.route(host, port, exists)
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(ca))
        patch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{ports[0]}")
        patch.setenv("NO_PROXY", LOOPBACK)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
    for port in ports:
        servers.stop(port)
