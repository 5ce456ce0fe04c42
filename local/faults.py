"""Faults that tests can inject into any server's responses, and their implementation."""

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

type Answer = Callable[[], Awaitable[web.StreamResponse]]
type Refuse = Callable[[int], web.Response]
type Healing = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request instead of, before or during its response.

    A `status` alone is refused as the server itself would; a `body` replaces the response, with 200
    if no status is given. Without both the server responds normally. `headers` go with any of them.
    `delay` is seconds before all this. `cut` sends half of the response and breaks off, `chunked`
    omits the length, and `drip` waits that many seconds before each byte, or with `endless_head`
    before each of endlessly many header fields. `reset` breaks off without a response.
    """

    status: int = 0
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False
    cut: bool = False
    chunked: bool = False
    drip: float = 0.0
    endless_head: bool = False

    async def meet(
        self, request: web.Request, answer: Answer, refuse: Refuse
    ) -> web.StreamResponse:
        """Apply the fault to a request that the server would answer, or refuse with a status."""
        await asyncio.sleep(self.delay)
        if self.reset:
            _break_off(request)
        if self.endless_head:
            await self._drip_head(request)
        if self.body is not None:
            response: web.StreamResponse = web.Response(
                status=self.status or 200, body=self.body, content_type=self.content_type
            )
        elif self.status:
            response = refuse(self.status)
        else:
            response = await answer()
        response.headers.update(self.headers)
        if not isinstance(response, web.Response) or not (self.cut or self.drip):
            return response
        return await self._sent(request, response)

    async def _drip_head(self, request: web.Request) -> None:
        """Start a response that has one more header field every now and then."""
        transport, sent = request.transport, b"HTTP/1.1 200 OK\r\n"
        while transport is not None and not transport.is_closing():
            transport.write(sent)
            sent = b"X-More: yes\r\n"
            await asyncio.sleep(self.drip)
        raise asyncio.CancelledError

    async def _sent(self, request: web.Request, whole: web.Response) -> web.StreamResponse:
        """Send a response's head unchanged, and its body with the fault."""
        assert isinstance(whole.body, bytes)
        response = web.StreamResponse(status=whole.status, headers=whole.headers)
        if self.chunked:
            response.headers.popall("Content-Length", None)
            response.enable_chunked_encoding()
        else:
            response.content_length = len(whole.body)
        await response.prepare(request)
        if self.drip:
            with suppress(ConnectionError):  # the client has disconnected
                for byte in whole.body:
                    await asyncio.sleep(self.drip)
                    await response.write(bytes([byte]))
            return response
        await response.write(whole.body[: len(whole.body) // 2])
        await asyncio.sleep(0)  # what is written goes out before the connection closes
        assert request.transport is not None
        request.transport.close() if self.chunked else request.transport.abort()
        raise asyncio.CancelledError


def _break_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


@dataclass(slots=True)
class _Plan[Asked]:
    fault: Fault
    left: float
    fits: Callable[[Asked], bool]


@dataclass(slots=True)
class Plans[Asked]:
    """The planned faults; thread-safe.

    Each applies to the next `requests` matching requests (None: all, until `clear`). If several
    match, the oldest applies first.
    """

    _plans: list[_Plan[Asked]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(
        self, fault: Fault, requests: int | None, fits: Callable[[Asked], bool] = lambda _: True
    ) -> Healing:
        """Apply the fault to that many matching requests; return a function that ends it."""
        plan = _Plan(fault, math.inf if requests is None else requests, fits)
        with self._lock:
            self._plans.append(plan)

        def heal() -> None:
            with self._lock:
                self._plans = [each for each in self._plans if each is not plan]

        return heal

    def take(self, asked: Asked) -> Fault | None:
        """Return the fault for this request, and count it down."""
        with self._lock:
            plan = next((plan for plan in self._plans if plan.fits(asked)), None)
            if plan is None:
                return None
            plan.left -= 1
            if plan.left <= 0:
                self._plans.remove(plan)
            return plan.fault

    def clear(self) -> None:
        """Remove all of them."""
        with self._lock:
            self._plans.clear()
