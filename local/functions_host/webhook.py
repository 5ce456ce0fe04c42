"""The Event Grid webhook: the host answers handshakes and invokes the function once per event.

As in the Event Grid extension of the real host, `functionName` selects the function, and a body
that is no JSON object or array of them is 500 without a call:
`HttpRequestProcessor` in sdk/eventgrid of Azure/azure-sdk-for-net.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import hdrs, web
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)

from local.functions_host.keys import Keys
from local.functions_host.routes import Routes
from local.functions_host.triggers import EventGridTrigger, Function
from local.functions_host.worker import InvocationFailedError, Worker

PATH = "/runtime/webhooks/eventgrid"


def add_webhook(routes: Routes, worker: Worker, keys: Keys) -> None:
    """Serve the webhook for every function with an Event Grid trigger."""

    def target(request: web.Request) -> Function:
        keys.admit_events(request)
        name = request.query.get("functionName", "")
        function = worker.functions.get(name)
        if function is None or not isinstance(function.trigger, EventGridTrigger):
            raise web.HTTPNotFound(text=f"cannot find function: '{name}'")
        return function

    async def post(request: web.Request, _: Mapping[str, str]) -> web.Response:
        function = target(request)
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return _validated(await _body(request))
            case "notification":
                return await _notify(worker, function, await _body(request))
            case "unsubscribe":
                return web.Response(status=202)
            case _:
                return web.Response(status=400)

    async def options(request: web.Request, _: Mapping[str, str]) -> web.Response:
        target(request)
        origin = request.headers.get("WebHook-Request-Origin")
        if origin is None:
            return web.Response(status=400)
        return web.Response(headers={"WebHook-Allowed-Origin": origin})

    routes.add({hdrs.METH_POST}, PATH, post)
    routes.add({hdrs.METH_OPTIONS}, PATH, options)


async def _body(request: web.Request) -> object:
    """Parse the body; the extension raises for one that is not JSON, which the host answers 500."""
    try:
        body: object = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPInternalServerError(text="") from error
    return body


def _validated(body: object) -> web.Response:
    """Answer the code of the first event of an array, or of one event, with data as text or not."""
    if isinstance(body, dict) and isinstance(body.get("data"), str):
        with suppress(ValueError):
            body = {"data": json.loads(body["data"])}
    match body:
        case [{"data": {"validationCode": code}}, *_] | {"data": {"validationCode": code}}:
            told = json.dumps({"validationResponse": str(code)})
            return web.Response(text=told, content_type="text/plain")
        case _:
            return web.Response(status=500)


async def _notify(worker: Worker, function: Function, body: object) -> web.Response:
    events = [body] if isinstance(body, dict) else body
    if not isinstance(events, list) or None in events:
        return web.Response(status=500)
    outcomes = await asyncio.gather(
        *(worker.invoke(function, Datum(json.dumps(event), "json")) for event in events),
        return_exceptions=True,
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if not isinstance(failure, InvocationFailedError):
            raise failure
    return web.Response(status=500 if failures else 202)
