"""The HTTP skin of a cluster: what every request meets before the API answers it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from local.kubernetes.answers import BODY_LIMIT, add_warnings
from local.kubernetes.cluster import AnyCluster
from local.kubernetes.documents import dump
from local.kubernetes.routes import route
from local.kubernetes.status import ApiError, unauthorized

_HEALTH = ("/healthz", "/livez", "/readyz", "/healthz/ping", "/livez/ping", "/readyz/ping")

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kubernetes_app(cluster: AnyCluster) -> web.Application:
    """Return the application that serves the cluster."""
    app = web.Application(client_max_size=BODY_LIMIT + 1)
    app.router.add_route("*", "/{path:.*}", _handler(cluster))
    return app


def _handler(cluster: AnyCluster) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await _answer(cluster, request)
        except ApiError as error:
            return _refusal(error)

    return handle


async def _answer(cluster: AnyCluster, request: web.Request) -> web.StreamResponse:
    verb, resource = _asked(request)
    cluster.requests.add(verb, resource)
    fault = cluster.faults.take(verb, resource)
    if fault is not None:
        await asyncio.sleep(fault.delay)
        if fault.reset and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if fault.status:
            return _fault(fault.status, fault.retry_after)
    if request.path in _HEALTH:
        return web.Response(text="ok")
    response = await cluster.answer(request, _user(cluster, request))
    for told in tuple(cluster.observers):
        told(verb, resource)
    return response


def _asked(request: web.Request) -> tuple[str, str]:
    """Return the verb and the resource; method and path where it is about no kind."""
    with suppress(ApiError):
        if call := route(request.method, request.path, request.query):
            return call.verb, call.kind.plural
    return request.method.lower(), request.path


def _user(cluster: AnyCluster, request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = cluster.authenticate(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthorized()
    return user


def _fault(status: int, retry_after: int | None) -> web.Response:
    reasons = {429: "TooManyRequests", 503: "ServiceUnavailable", 500: "InternalError"}
    error = ApiError(status, reasons.get(status, ""), f"planned fault {status}", {})
    response = _refusal(error)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _refusal(error: ApiError) -> web.Response:
    answer = web.Response(body=dump(error.body), status=error.code, content_type="application/json")
    add_warnings(answer, error.warnings)
    return answer
