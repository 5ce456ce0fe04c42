"""Serves aiohttp applications from a background thread, for tests and the stack."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Protocol, Self

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

LOOPBACK = "127.0.0.1"
_STOP_SECONDS = 5.0

_REQUESTS = logging.getLogger("local.requests")
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "x-identity-header", "secret"})

type StreamHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Running(Protocol):
    async def cleanup(self) -> None: ...


class Servers:
    """One event loop in one thread, and the servers that run on it.

    `with Servers() as servers: port = servers.serve(app, tls)`. Leaving the block stops them all.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._runners: dict[int, _Running] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for port in list(self._runners):
            self.stop(port)
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the servers' loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def serve(self, app: web.Application, tls: ssl.SSLContext | None = None, port: int = 0) -> int:
        """Serve the application on loopback; return its port (a free one for 0)."""

        async def start() -> int:
            runner = web.AppRunner(
                app,
                access_log=_REQUESTS,
                access_log_class=_AccessLog,
                access_log_format="",
                shutdown_timeout=0.2,
            )
            await runner.setup()
            assert runner.server is not None
            listener = socket.create_server((LOOPBACK, port), backlog=512)
            bound: int = listener.getsockname()[1]
            server = await self._loop.create_server(runner.server, sock=listener, ssl=tls)
            self._runners[bound] = _Website(runner, listener, server)
            return bound

        return self.run(start())

    def listen(self, handler: StreamHandler, port: int = 0) -> int:
        """Pass each connection's streams to the handler; return the port as `serve` does."""

        async def start() -> int:
            streams = _Streams(handler)
            listener = socket.create_server((LOOPBACK, port), backlog=512)
            bound: int = listener.getsockname()[1]
            await streams.start(listener)
            self._runners[bound] = streams
            return bound

        return self.run(start())

    def stop(self, port: int) -> None:
        """Stop the server on that port and break its connections, as when a server dies."""
        self.run(asyncio.wait_for(self._runners.pop(port).cleanup(), _STOP_SECONDS))


class _AccessLog(AbstractAccessLogger):
    """At DEBUG, an access log without credentials and bodies."""

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        headers = {
            name: text for name, text in request.headers.items() if name.lower() not in _CREDENTIALS
        }
        self.logger.debug(
            "%s %s %s %d in %.3f s",
            request.method,
            request.raw_path,
            headers,
            response.status,
            time,
        )


async def _end_tasks() -> None:
    """Cancel what still runs on the loop, such as a response whose client has disconnected."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _close(server: asyncio.Server, listener: socket.socket) -> None:
    """Accept no more connections."""
    asyncio.get_running_loop().remove_reader(listener)
    await asyncio.sleep(0)  # a connection accepted just now would leak from a closed server
    server.close()


async def _break_off(server: asyncio.Server) -> None:
    """Abort open connections, even during their handshake: TLS would wait for a close message."""
    server.abort_clients()
    await server.wait_closed()
    await asyncio.sleep(0)


class _Website:
    """A served application."""

    def __init__(
        self, runner: web.AppRunner, listener: socket.socket, server: asyncio.Server
    ) -> None:
        self._runner = runner
        self._listener = listener
        self._server = server

    async def cleanup(self) -> None:
        await _close(self._server, self._listener)
        await self._runner.cleanup()
        await _break_off(self._server)


class _Streams:
    """A server of plain streams, and its open connections."""

    def __init__(self, handler: StreamHandler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server = await asyncio.start_server(self._accept, sock=listener)

    async def cleanup(self) -> None:
        assert self._server is not None
        assert self._listener is not None
        await _close(self._server, self._listener)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await _break_off(self._server)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handler(reader, writer)
        finally:
            writer.close()
