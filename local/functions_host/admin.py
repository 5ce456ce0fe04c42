"""The host's own routes under `/admin`, for the holder of the master key."""

import asyncio
import json
from collections.abc import Awaitable, Mapping

from aiohttp import hdrs, web
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)
from azure_functions_runtime.version import (  # type: ignore[import-untyped]  # no types
    VERSION,
)

from local.functions_host.keys import Keys
from local.functions_host.routes import Routes
from local.functions_host.timer import Timer
from local.functions_host.triggers import EventGridTrigger
from local.functions_host.worker import InvocationFailedError, Worker


def add_admin(routes: Routes, worker: Worker, keys: Keys, timers: Mapping[str, Timer]) -> None:
    """Serve `GET /admin/host/status` and `POST /admin/functions/NAME`.

    The latter runs a timer or event function in the background and answers 202. With
    `?wait=true`, which the real host does not know, it waits and answers 500 on a failure. A
    function of another trigger gets its 202 as well, but is not run.
    """
    background: set[asyncio.Task[None]] = set()

    async def status(request: web.Request, _: Mapping[str, str]) -> web.Response:
        keys.admit_admin(request)
        return web.json_response(
            {"state": "Running", "version": VERSION, "functions": sorted(worker.functions)}
        )

    async def run(request: web.Request, path: Mapping[str, str]) -> web.Response:
        keys.admit_admin(request)
        given = await _input(request)
        function = worker.function(path["name"])
        if function is None:
            raise web.HTTPNotFound(text=f"no function '{path['name']}'")
        work: Awaitable[object]
        if function.name in timers:
            work = timers[function.name].fire()
        elif isinstance(function.trigger, EventGridTrigger):
            text = given if isinstance(given, str) else json.dumps(given)
            work = worker.invoke(function, Datum(text, "json"))
        else:
            return web.Response(status=202)
        if request.query.get("wait") == "true":
            return web.Response(status=202 if await _succeeds(work) else 500)
        task = asyncio.create_task(_finish(work))
        background.add(task)
        task.add_done_callback(background.discard)
        return web.Response(status=202)

    routes.add({hdrs.METH_GET}, "/admin/host/status", status)
    routes.add({hdrs.METH_POST}, "/admin/functions/{name}", run)


async def _input(request: web.Request) -> object:
    try:
        body: object = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text='the body must be {"input": …}')
    return body.get("input")


async def _succeeds(work: Awaitable[object]) -> bool:
    try:
        await work
    except InvocationFailedError:
        return False
    return True


async def _finish(work: Awaitable[object]) -> None:
    await _succeeds(work)
