"""The host as one web application: routes, webhook, admin and the running timers."""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiohttp import hdrs, web

from local.functions_host.admin import add_admin
from local.functions_host.authentication import Authentication
from local.functions_host.http_trigger import add_http_routes
from local.functions_host.keys import Keys
from local.functions_host.routes import Routes
from local.functions_host.throttle import Limits, Throttle
from local.functions_host.timer import Timer
from local.functions_host.triggers import TimerTrigger, UnservedTrigger
from local.functions_host.webhook import add_webhook
from local.functions_host.worker import Worker

_log = logging.getLogger("host")
_BODY_LIMIT = 100 * 1024 * 1024
_HOME = "<html><body>Your Functions host is up and running.</body></html>"


@dataclass(frozen=True, slots=True)
class HostJson:
    """The parts of an app's host.json that this host supports."""

    route_prefix: str
    limits: Limits

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `extensions.http`; raises OSError or ValueError if the file cannot be read."""
        settings = json.loads((folder / "host.json").read_text())
        http = settings.get("extensions", {}).get("http", {})
        usual = Limits()
        limits = Limits(
            http.get("maxConcurrentRequests", usual.concurrent),
            http.get("maxOutstandingRequests", usual.outstanding),
        )
        return cls(http.get("routePrefix", "api").strip("/"), limits)


def host_app(
    worker: Worker,
    keys: Keys,
    host_json: HostJson,
    *,
    timer: bool,
    authentication: Authentication | None = None,
) -> web.Application:
    """Return the application; without `timer`, timers run only when the admin asks.

    Raises ValueError for a route or a schedule that cannot be served.
    """
    timers = {
        function.name: Timer(worker, function, function.trigger, os.environ)
        for function in worker.functions.values()
        if isinstance(function.trigger, TimerTrigger)
    }
    for function in worker.functions.values():
        if isinstance(function.trigger, UnservedTrigger):
            _log.warning("nothing will start %s: no %s here", function.name, function.trigger.kind)
    middlewares = [authentication.admit] if authentication else []
    middlewares.append(Throttle(host_json.limits).admit)
    app = web.Application(client_max_size=_BODY_LIMIT, middlewares=middlewares)
    routes = Routes()
    routes.add((), "/", _home)
    add_admin(routes, worker, keys, timers)
    add_webhook(routes, worker, keys)
    add_http_routes(routes, worker, keys, host_json.route_prefix)
    app.router.add_route(hdrs.METH_ANY, "/{path:.*}", routes.serve)
    if timer:
        app.cleanup_ctx.append(lambda _: _run_timers(timers.values()))
    return app


async def _home(_request: web.Request, _path: Mapping[str, str]) -> web.Response:
    """Answer the real host's page, which the app may switch off."""
    if os.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":  # noqa: SIM112 - Azure's
        return web.Response(status=204)
    return web.Response(text=_HOME, content_type="text/html")


async def _run_timers(timers: Iterable[Timer]) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(timer.keep()) for timer in timers]
    yield
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
