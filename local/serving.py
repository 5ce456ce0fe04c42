"""Serves aiohttp applications from a background thread, so that a test or a stack can hold them."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

from aiohttp import web

LOOPBACK = "127.0.0.1"
_STOP_SECONDS = 5.0


class Servers:
    """One event loop in one thread, and the servers that run on it.

    `with Servers() as servers: port = servers.serve(app, tls)`. Leaving the block stops them all.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._runners: dict[int, web.AppRunner] = {}

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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the servers' loop and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def serve(self, app: web.Application, tls: ssl.SSLContext | None = None, port: int = 0) -> int:
        """Serve the application on loopback; return its port (a free one where 0 is asked)."""

        async def start() -> int:
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            listener = socket.create_server((LOOPBACK, port), backlog=512)
            bound: int = listener.getsockname()[1]
            await web.SockSite(runner, listener, ssl_context=tls).start()
            self._runners[bound] = runner
            return bound

        return self.run(start())

    def stop(self, port: int) -> None:
        """Stop the server on that port: its connections break, as when a server dies."""
        self.run(asyncio.wait_for(self._runners.pop(port).cleanup(), _STOP_SECONDS))
