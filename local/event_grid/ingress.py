"""The topic's endpoint for publishers."""

import hmac
import json

from aiohttp import web

from local.event_grid import retry
from local.event_grid.delivery import deliver
from local.event_grid.grid import EventGrid
from local.event_grid.schema import MalformedError

_BODY_LIMIT = 1024 * 1024


def event_grid_app(
    grid: EventGrid, *, answer_seconds: float = retry.ANSWER_SECONDS
) -> web.Application:
    """Return the application that accepts the grid's events and, while served, delivers them."""

    async def publish(request: web.Request) -> web.Response:
        key = request.headers.get("aeg-sas-key", "")
        if not hmac.compare_digest(key.encode(), grid.key.encode()):
            return _error(401, "Unauthorized", "aeg-sas-key is missing or is not the topic's key")
        if "api-version" not in request.query:
            return _error(400, "BadRequest", "the query needs api-version")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "RequestEntityTooLarge", "events may be 1 MB in all")
        try:
            grid.accept(_events(body, request.content_type))
        except MalformedError as error:
            return _error(400, "BadRequest", str(error))
        return web.Response()

    async def unknown(request: web.Request) -> web.Response:
        return _error(
            404, "NotFound", f"only POST /api/events here, not {request.method} {request.path}"
        )

    app = web.Application(client_max_size=_BODY_LIMIT)
    app.router.add_post("/api/events", publish)
    app.router.add_route("*", "/{path:.*}", unknown)
    app.cleanup_ctx.append(lambda _: deliver(grid, answer_seconds))
    return app


def _events(body: bytes, content_type: str) -> list[object]:
    try:
        parsed: object = json.loads(body)
    except ValueError as error:
        raise MalformedError("the body is not JSON") from error
    if content_type == "application/cloudevents+json":
        return [parsed]
    if not isinstance(parsed, list):
        raise MalformedError("the body must be an array of events")
    return parsed


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
