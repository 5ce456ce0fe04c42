"""HTTP triggers: an app's routes below the host's prefix."""

from collections.abc import Mapping

from aiohttp import hdrs, web
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)
from multidict import CIMultiDict

from local.functions_host.keys import Keys
from local.functions_host.routes import Handler, Routes
from local.functions_host.triggers import AuthLevel, Function, HttpTrigger
from local.functions_host.worker import InvocationFailedError, Worker


def add_http_routes(routes: Routes, worker: Worker, keys: Keys, prefix: str) -> None:
    """Route every HTTP function; raises ValueError for a template beyond `a/{name}/b`."""
    for function in worker.functions.values():
        trigger = function.trigger
        if isinstance(trigger, HttpTrigger):
            path = "/" + "/".join(part for part in (prefix, trigger.route) if part)
            routes.add(trigger.methods, path, _handler(worker, keys, function, trigger.auth_level))


def _handler(worker: Worker, keys: Keys, function: Function, level: AuthLevel) -> Handler:
    async def handle(request: web.Request, path: Mapping[str, str]) -> web.Response:
        if not keys.open_http(level, request):
            return web.Response(status=401)
        try:
            answer = await worker.invoke(function, await _request_datum(request, path))
        except InvocationFailedError:
            return web.Response(status=500)
        return _response(answer)

    return handle


async def _request_datum(request: web.Request, path: Mapping[str, str]) -> Datum:
    # As in the real host, see _query: a chunked body, without a length, is not passed on.
    body = await request.read() if request.content_length else b""
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _strings(request.headers),
            "params": _strings(path),
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


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
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
