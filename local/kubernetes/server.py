"""The HTTP server of a cluster: handles every request before the API answers it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from local.kubernetes.answers import BODY_LIMIT, add_warnings
from local.kubernetes.cluster import AnyCluster
from local.kubernetes.documents import dump
from local.kubernetes.faults import Where
from local.kubernetes.kinds import NAMESPACE, Kind
from local.kubernetes.patch import PATCH_TYPES
from local.kubernetes.routes import route
from local.kubernetes.status import ApiError, forbidden, not_found, unauthorized

_HEALTH = ("/healthz", "/livez", "/readyz", "/healthz/ping", "/livez/ping", "/readyz/ping")
_REASONS = {
    409: "Conflict",
    413: "RequestEntityTooLarge",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kubernetes_app(cluster: AnyCluster) -> web.Application:
    """Return the application that serves the cluster."""
    app = web.Application(client_max_size=BODY_LIMIT + 1)
    app.router.add_route("*", "/{path:.*}", _handler(cluster))
    return app


def _handler(cluster: AnyCluster) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        where = _asked(cluster, request)
        cluster.requests.add(where.verb or "", where.resource or "")

        async def answer() -> web.StreamResponse:
            try:
                return await _answer(cluster, request, where)
            except ApiError as error:
                return _refusal(error)

        fault = cluster.faults.take(where)
        if fault is None:
            return await answer()
        kind = cluster.kinds.named(where.resource or "")
        return await fault.meet(
            request, answer, lambda code: _refusal(_on_demand(kind, code, where))
        )

    return handle


async def _answer(cluster: AnyCluster, request: web.Request, where: Where) -> web.StreamResponse:
    if request.path in _HEALTH:
        return web.Response(text="ok")
    response = await cluster.answer(request, _user(cluster, request))
    for told in tuple(cluster.observers):
        told(where.verb or "", where.resource or "")
    return response


def _asked(cluster: AnyCluster, request: web.Request) -> Where:
    """Return the request's subject; method and path if it has no kind."""
    with suppress(ApiError):
        if call := route(cluster.kinds, request.method, request.path, request.query):
            patch = PATCH_TYPES.get(request.content_type) if request.method == "PATCH" else None
            return Where(call.verb, call.kind.plural, call.namespace, call.name, patch)
    return Where(request.method.lower(), request.path)


def _user(cluster: AnyCluster, request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = cluster.authenticate(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthorized()
    return user


def _on_demand(kind: Kind, status: int, where: Where) -> ApiError:
    """Return an API server's error for that status and request."""
    match status:
        case 401:
            return unauthorized()
        case 403:
            return forbidden(kind, where.name or "", "on demand")
        case 404 if where.patch == "apply":  # an apply never misses the object itself
            return not_found(NAMESPACE, where.namespace or "")
        case 404:
            return not_found(kind, where.name or "")
        case _:
            reason = _REASONS.get(status, "")
            return ApiError(status, reason, f"planned fault {status}", {})


def _refusal(error: ApiError) -> web.Response:
    answer = web.Response(body=dump(error.body), status=error.code, content_type="application/json")
    add_warnings(answer, error.warnings)
    return answer
