"""The proxy through which clients reach Azure's host names on loopback, and nothing else."""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from local.serving import LOOPBACK

_LOCAL = ("127.0.0.1", "localhost")
_HTTPS = 443
_LAST_PORT = 65_535
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: str
    port: int
    exists: Callable[[str], bool]

    def fits(self, host: str) -> bool:
        if self.pattern.startswith("*."):
            return host.endswith(self.pattern[1:])
        return host == self.pattern


class _RefusedError(Exception):
    """A connection that the proxy refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Proxy:
    """An HTTP CONNECT proxy: allows routed hosts and loopback itself, and refuses everything else.

    `servers.listen(proxy.handle)` runs it; HTTPS_PROXY is then `http://127.0.0.1:PORT`. `refused`
    contains each `host:port` that it refused.
    """

    refused: list[str] = field(default_factory=list)
    _routes: dict[str, _Route] = field(default_factory=dict)

    def route(self, pattern: str, port: int, exists: Callable[[str], bool] = bool) -> None:
        """Send port 443 of a host, or of all hosts under a `*.` suffix, to that loopback port.

        For a host whose `exists` is false it answers 502, as for a name that does not resolve. A
        route for a single host takes precedence over one for its suffix.
        """
        self._routes[pattern] = _Route(pattern.lower(), port, exists)

    def port(self, pattern: str) -> int:
        """Return a route's port."""
        return self._routes[pattern].port

    def another(self) -> "Proxy":
        """Return a proxy with the current routes of this one."""
        return Proxy(_routes=dict(self._routes))

    def unroute(self, pattern: str) -> None:
        """Remove a route."""
        self._routes.pop(pattern, None)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client's connection until both ends are done."""
        try:
            upstream = await self._connect(reader)
        except _RefusedError as refusal:
            _refuse(writer, refusal)
            return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _relay((reader, writer), upstream)

    async def _connect(
        self, reader: asyncio.StreamReader
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = await _requested(reader)
        try:
            target = self._target(host, port)
            return await asyncio.open_connection(LOOPBACK, target)
        except OSError as error:
            self.refused.append(f"{host}:{port}")
            raise _RefusedError(502, f"nothing answers for {host}:{port}") from error
        except _RefusedError:
            self.refused.append(f"{host}:{port}")
            raise

    def _target(self, host: str, port: int) -> int:
        if host in _LOCAL:
            return port
        fitting = [route for route in tuple(self._routes.values()) if route.fits(host)]
        route = max(fitting, key=lambda route: len(route.pattern), default=None)
        if route is None or port != _HTTPS:
            raise _RefusedError(403, f"{host}:{port} is outside of the local stack")
        if not route.exists(host):
            raise _RefusedError(502, f"there is no {host} in the local stack: create it first")
        return route.port


async def _requested(reader: asyncio.StreamReader) -> tuple[str, int]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise _RefusedError(400, "the request's head is too long") from error
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    if method != "CONNECT":
        raise _RefusedError(405, f"this proxy serves CONNECT only, not {method}")
    host, colon, port = rest.partition(" ")[0].lower().rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) <= _LAST_PORT):
        raise _RefusedError(400, "CONNECT takes host:port")
    return host, int(port)


def _refuse(writer: asyncio.StreamWriter, refusal: _RefusedError) -> None:
    """Say why in the reason phrase, too: Python's clients show nothing else."""
    text = f"{refusal}\n".encode()
    head = (
        f"HTTP/1.1 {refusal.status} {refusal}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + text)


async def _relay(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(*client, upstream[1]))
            group.create_task(_pump(*upstream, client[1]))
    except* OSError:
        client[1].transport.abort()
    finally:
        upstream[1].transport.abort()


async def _pump(
    reader: asyncio.StreamReader, origin: asyncio.StreamWriter, writer: asyncio.StreamWriter
) -> None:
    while chunk := await reader.read(_CHUNK):
        _acknowledge(origin)
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


def _acknowledge(peer: asyncio.StreamWriter) -> None:
    """Acknowledge what was read at once, where the system can.

    Through a proxy urllib3 leaves Nagle's algorithm on: a request's body waits until its head is
    acknowledged, which Linux delays by 40 ms.
    """
    if sys.platform == "linux":
        peer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
