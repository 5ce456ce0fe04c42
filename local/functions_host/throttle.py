"""The host's limits of concurrent HTTP requests, events among them; `/admin` has none."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from local.functions_host.authentication import Handler

SCALE_OUT = "X-FUNCTION-SCALEOUT"
_UNBOUNDED = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests run at once, and how many run or wait; -1 stands for no limit."""

    concurrent: int = 100
    outstanding: int = 200


class Throttle:
    """Refuses at once what is over the limits, as the real host's `HttpThrottleMiddleware`."""

    def __init__(self, limits: Limits) -> None:
        self._outstanding = 0
        self._limit = limits.outstanding
        bounded = limits.concurrent != _UNBOUNDED
        self._slots = asyncio.Semaphore(limits.concurrent) if bounded else None

    @web.middleware
    async def admit(self, request: web.Request, handler: "Handler") -> web.StreamResponse:
        """Answer 429 over the limit of outstanding requests; let the others wait for their turn."""
        if request.path.lower().startswith("/admin/"):
            return await handler(request)
        if self._limit != _UNBOUNDED and self._outstanding >= self._limit:
            return web.Response(status=429, headers={SCALE_OUT: "1"})
        self._outstanding += 1
        try:
            if self._slots is None:
                return await handler(request)
            async with self._slots:
                return await handler(request)
        finally:
            self._outstanding -= 1
