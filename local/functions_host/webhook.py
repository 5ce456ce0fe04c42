"""The Event Grid webhook: the host answers handshakes and invokes the function once per event.

As in the Event Grid extension of the real host, `functionName` selects the function.
"""

import asyncio
import json

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)

from local.functions_host.keys import Keys
from local.functions_host.triggers import EventGridTrigger, Function
from local.functions_host.worker import InvocationFailedError, Worker

PATH = "/runtime/webhooks/eventgrid"


def add_webhook(app: web.Application, worker: Worker, keys: Keys) -> None:
    """Serve the webhook for every function with an Event Grid trigger."""

    def target(request: web.Request) -> Function:
        if not keys.open_webhook(request):
            raise web.HTTPUnauthorized(text="code= must be the Event Grid or the master key")
        name = request.query.get("functionName", "")
        function = worker.functions.get(name)
        if function is None or not isinstance(function.trigger, EventGridTrigger):
            raise web.HTTPNotFound(text=f"cannot find function: '{name}'")
        return function

    async def post(request: web.Request) -> web.Response:
        function = target(request)
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return _validated(await _events(request))
            case "notification":
                return await _notify(worker, function, await _events(request))
            case "unsubscribe":
                return web.Response(status=202)
            case other:
                raise web.HTTPBadRequest(text=f"aeg-event-type is missing or unknown: '{other}'")

    async def options(request: web.Request) -> web.Response:
        target(request)
        origin = request.headers.get("WebHook-Request-Origin")
        if origin is None:
            raise web.HTTPBadRequest(text="WebHook-Request-Origin is missing")
        return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})

    app.router.add_post(PATH, post)
    app.router.add_options(PATH, options)


async def _events(request: web.Request) -> list[object]:
    try:
        body: object = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error
    return body if isinstance(body, list) else [body]


def _validated(events: list[object]) -> web.Response:
    match events:
        case [{"data": {"validationCode": str(code)}}]:
            return web.json_response({"validationResponse": code})
        case _:
            raise web.HTTPBadRequest(text="the validation event has no data.validationCode")


async def _notify(worker: Worker, function: Function, events: list[object]) -> web.Response:
    outcomes = await asyncio.gather(
        *(worker.invoke(function, Datum(json.dumps(event), "json")) for event in events),
        return_exceptions=True,
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if not isinstance(failure, InvocationFailedError):
            raise failure
    return web.Response(status=500 if failures else 202)
