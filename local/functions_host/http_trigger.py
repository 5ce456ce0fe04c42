"""HTTP triggers: an app's routes below the host's prefix."""

import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)
from multidict import CIMultiDict

from local.functions_host.keys import Keys
from local.functions_host.triggers import AuthLevel, Function, HttpTrigger
from local.functions_host.worker import InvocationFailedError, Worker

_PLAIN_ROUTE = re.compile(r"(?:[^{}*?:]|\{\w+\})*")

type Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_http_routes(app: web.Application, worker: Worker, keys: Keys, prefix: str) -> None:
    """Route every HTTP function; raises ValueError for a template beyond `a/{name}/b`.

    As in the real host, a method without a function is not found, HEAD and OPTIONS included:
    https://github.com/Azure/azure-functions-host/issues/10098, and 11625 there.
    """
    some: set[str] = set()
    every: set[str] = set()
    for function in worker.functions.values():
        trigger = function.trigger
        if isinstance(trigger, HttpTrigger):
            if not _PLAIN_ROUTE.fullmatch(trigger.route):
                raise ValueError(f"{function.name}: only {{name}} parameters here: {trigger.route}")
            path = "/" + "/".join(part for part in (prefix, trigger.route) if part)
            handle = _handler(worker, keys, function, trigger.auth_level)
            for method in trigger.methods or (hdrs.METH_ANY,):
                app.router.add_route(method, path, handle)
            (some if trigger.methods else every).add(path)
    for path in sorted(some - every):
        app.router.add_route(hdrs.METH_ANY, path, _not_found)


def _handler(worker: Worker, keys: Keys, function: Function, level: AuthLevel) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        if not keys.open_http(level, request):
            return web.Response(status=401)
        try:
            answer = await worker.invoke(function, await _request_datum(request))
        except InvocationFailedError:
            return web.Response(status=500)
        return _response(answer)

    return handle


async def _not_found(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def _request_datum(request: web.Request) -> Datum:
    # As in the real host, see _query: a chunked body, without a length, is not passed on.
    body = await request.read() if request.content_length else b""
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _strings(dict(request.headers)),
            "params": _strings(dict(request.match_info)),
            "query": _strings(_query(request)),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def _query(request: web.Request) -> dict[str, str]:
    """Join repeated parameters and drop empty ones, as the host does for this worker.

    GrpcMessageConversionExtensions.ToRpcHttp in Azure/azure-functions-host.
    """
    joined = {name: ",".join(request.query.getall(name)) for name in request.query}
    return {name: text for name, text in joined.items() if text}


def _strings(values: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _response(answer: Datum) -> web.Response:
    if answer.type != "http":
        return web.Response(text=answer.value)
    parts = answer.value
    headers = CIMultiDict((name, datum.value) for name, datum in parts["headers"].items())
    for cookie in parts["cookies"] or ():
        for morsel in cookie.values():
            headers.add(hdrs.SET_COOKIE, morsel.OutputString())
    return web.Response(
        status=int(parts["status_code"].value), headers=headers, body=parts["body"].value
    )
