"""The API server's HTTP responses, from a registry of objects."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Literal

from aiohttp import web

from local.kubernetes.discovery import OPENAPI_V2, OPENAPI_V2_PROTOBUF
from local.kubernetes.documents import child, dump, text
from local.kubernetes.forms import Form
from local.kubernetes.kinds import Kind
from local.kubernetes.nodes import Struct
from local.kubernetes.objects import JSON, read_object, read_patch
from local.kubernetes.options import Written, agent_manager, is_dry_delete, write_options
from local.kubernetes.paging import Page
from local.kubernetes.patch import PATCH_TYPES
from local.kubernetes.registry import Registry
from local.kubernetes.reviews import may_read, review, reviewed
from local.kubernetes.routes import Call, route, unknown
from local.kubernetes.selectors import Selector
from local.kubernetes.selectors import parse as parse_selectors
from local.kubernetes.status import (
    ApiError,
    bad_request,
    forbidden,
    invalid_options,
    no_such_method,
    not_allowed,
)
from local.kubernetes.store import Change, Stored

type Event = tuple[Literal["ADDED", "MODIFIED", "DELETED"], Stored]

BODY_LIMIT = 3 << 20
"""The maximum size of a request's body in bytes."""

_WATCH_SECONDS = 1800.0
_NO_WATCH_LIST = (
    "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
)


async def answer(registry: Registry, request: web.Request, user: str) -> web.StreamResponse:
    """Answer that user's request from the registry; raises ApiError."""
    call = route(registry.kinds, request.method, request.path, request.query)
    if call is None:
        return await _other(registry, request, user)
    attempt = call.attempt(request.query.get("fieldSelector", ""))
    if not registry.allows(user, attempt):
        raise forbidden(call.kind, attempt.name, attempt.refusal(user))
    form = Form.asked(request)
    match call.verb:
        case "get":
            return _json(form.one(call.kind, registry.read(call.kind, call.namespace, call.name)))
        case "list":
            found, version = registry.list(call.kind, call.namespace, _selector(request, call))
            page = Page.asked(request.query, found, version)
            return _json(form.many(call.kind, page.found, page.metadata))
        case "watch":
            return await _watch(registry, request, call, form)
        case "delete" | "deletecollection":
            return await _delete(registry, request, call, form)
        case _:
            return await _write(registry, request, call, user, form)


async def _watch(
    registry: Registry, request: web.Request, call: Call, form: Form
) -> web.StreamResponse:
    if "sendInitialEvents" in request.query:
        raise invalid_options("ListOptions", not_allowed("sendInitialEvents", _NO_WATCH_LIST))
    seconds = float(request.query.get("timeoutSeconds") or _WATCH_SECONDS)
    response = web.StreamResponse()
    response.content_type = JSON
    changes = _events(registry, call, _selector(request, call), _version(request))
    try:
        async with asyncio.timeout(seconds), aclosing(changes):
            await response.prepare(request)
            async for how, stored in changes:
                shown = form.one(call.kind, stored)
                await response.write(f'{{"type":"{how}","object":'.encode() + shown + b"}\n")
    except TimeoutError:
        await response.write_eof()
    except ApiError as error:
        await response.write(dump({"type": "ERROR", "object": error.body}) + b"\n")
    except ConnectionResetError:
        return response
    return response


async def _events(
    registry: Registry, call: Call, selector: Selector, since: int | None
) -> AsyncGenerator[Event]:
    """Yield each event; without a start version, first one for each existing object."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Change] = asyncio.Queue()
    if since is None:
        present, version = registry.list(call.kind, call.namespace, selector)
        since = int(version)
        for stored in present:
            yield "ADDED", stored

    def deliver(change: Change) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, change)

    end = registry.watch(since, deliver)
    try:
        while True:
            if event := _seen(call, selector, await queue.get()):
                yield event
    finally:
        end()


def _seen(call: Call, selector: Selector, change: Change) -> Event | None:
    """Return the change as this watch sees it: an object may enter or leave its selection."""
    if change.kind is not call.kind or call.namespace not in ("", change.namespace):
        return None
    before = change.before is not None and selector.matches(change.before.bare)
    after = change.type != "DELETED" and selector.matches(change.after.bare)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.after
    return ("DELETED", change.after) if before else None


def _version(request: web.Request) -> int | None:
    since = request.query.get("resourceVersion", "")
    if since in ("", "0"):
        return None
    if not since.isdecimal():
        raise bad_request(f'invalid resource version: Invalid value: "{since}"')
    return int(since)


async def _delete(registry: Registry, request: web.Request, call: Call, form: Form) -> web.Response:
    raw = await _raw(request)
    body = read_object(raw, _media(request), "DeleteOptions") if raw else {}
    dry_run = is_dry_delete(request.query, body)
    if call.verb == "delete":
        wanted = child(body, "preconditions")
        gone = registry.delete(call.kind, call.namespace, call.name, wanted, dry_run=dry_run)
        return _json(dump(gone))
    found, version = registry.list(call.kind, call.namespace, _selector(request, call))
    for stored in found:
        name = text(stored.metadata, "name")
        registry.delete(call.kind, call.namespace, name, dry_run=dry_run)
    return _json(form.many(call.kind, found, {"resourceVersion": version}))


async def _write(
    registry: Registry, request: web.Request, call: Call, user: str, form: Form
) -> web.Response:
    media = _media(request)
    how = PATCH_TYPES.get(media) if call.verb == "patch" else None
    if call.verb == "patch" and how is None:
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    agent = request.headers.get("User-Agent", "")
    write = write_options(call.verb, request.query, agent, user, applies=how == "apply")
    raw = await _raw(request)
    if how is not None:
        patch = read_patch(raw, how)
        written = registry.patch(call.kind, call.namespace, call.name, how, patch, write)
        return _written(form, call, written)
    body = read_object(raw, media, call.kind.name)
    if call.verb == "create":
        written = registry.create(call.kind, call.namespace, body, write)
    else:
        written = registry.replace(call.kind, call.namespace, call.name, body, write)
    return _written(form, call, written)


def _written(form: Form, call: Call, written: Written) -> web.Response:
    response = _json(form.one(call.kind, written.stored), 201 if written.created else 200)
    add_warnings(response, written.warnings)
    return response


def add_warnings(response: web.Response, warnings: Iterable[str]) -> None:
    """Add a Warning header for each."""
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')


def _media(request: web.Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip()


async def _raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        why = f"Request entity too large: limit is {BODY_LIMIT}"
        raise ApiError(413, "RequestEntityTooLarge", why) from error


async def _other(registry: Registry, request: web.Request, user: str) -> web.Response:
    path = request.path.rstrip("/")
    kind = review(path)
    if kind and request.method == "POST":
        body = read_object(await _raw(request), _media(request), kind)
        manager = agent_manager(request.headers.get("User-Agent", ""))
        return _json(dump(reviewed(registry, user, kind, manager, body)), 201)
    known = registry.kinds.documents.get(path)
    if known is not None and request.method == "GET":
        if path == "/openapi/v2" and "proto-openapi" in request.headers.get("Accept", ""):
            return web.Response(body=OPENAPI_V2, content_type=OPENAPI_V2_PROTOBUF)
        return _json(dump(known))
    attempt = unknown(request.method, request.path, request.query)
    if attempt is not None and not registry.allows(user, attempt):
        about = Kind("", attempt.resource.partition("/")[0], Struct({}), attempt.group)
        raise forbidden(about, attempt.name, attempt.refusal(user))
    reads = request.method == "GET" and may_read(path)
    if attempt is None and not reads and not registry.access.allows_everything(user):
        why = f'forbidden: User "{user}" cannot {request.method.lower()} path "{request.path}"'
        raise ApiError(403, "Forbidden", why, {})
    if known is not None:
        raise no_such_method()
    if not path.startswith(("/api/", "/apis/")):
        return web.Response(text="404 page not found\n", status=404)
    kinds = ", ".join(kind.resource for kind in registry.kinds)
    why = f"this local server has no {request.method} {request.path}: it only knows {kinds}"
    raise ApiError(404, "NotFound", why, {})


def _selector(request: web.Request, call: Call) -> Selector:
    query = request.query
    return parse_selectors(
        call.kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
    )


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=JSON)
