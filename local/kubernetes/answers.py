"""What the API server answers over HTTP, from a registry of objects."""

import asyncio
import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from local.kubernetes import bodies
from local.kubernetes.bodies import Body, BodyError
from local.kubernetes.discovery import DISCOVERY
from local.kubernetes.documents import Document, dump, text
from local.kubernetes.forms import Form
from local.kubernetes.kinds import KINDS
from local.kubernetes.openapi import OPENAPI
from local.kubernetes.options import agent_manager, delete_options, write_options
from local.kubernetes.patch_bodies import read_patch
from local.kubernetes.registry import Registry
from local.kubernetes.reviews import may_read, review, reviewed
from local.kubernetes.routes import PATCH_TYPES, Call, route, unknown
from local.kubernetes.selectors import Selector
from local.kubernetes.selectors import parse as parse_selectors
from local.kubernetes.status import (
    ApiError,
    bad_request,
    forbidden,
    forbidden_elsewhere,
    forbidden_path,
    invalid_options,
    no_such_method,
    not_allowed,
    unrecognized,
)
from local.kubernetes.versions import check_list_version, check_read_version
from local.kubernetes.watching import events
from local.kubernetes.writes import Written

BODY_LIMIT = 3 << 20
"""The bytes that a request's body may have."""

_WATCH_SECONDS = 1800.0
_NO_WATCH_LIST = (
    "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
)
_UNSUPPORTED = "the body of the request was in an unknown format - accepted media types include: "
_UNSERVED = ("apps", "autoscaling", "batch", "policy")
_DURATION = re.compile(r"0|[-+]?((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+")
_READABLE = (bodies.JSON, bodies.YAML, bodies.PROTOBUF)


async def answer(registry: Registry, request: web.Request, user: str) -> web.StreamResponse:
    """Answer a request of that user from the registry; raises ApiError."""
    call = route(request.method, request.path, request.query)
    if call is None:
        return await _other(registry, request, user)
    attempt = call.attempt(request.query.get("fieldSelector", ""))
    if not registry.allows(user, attempt):
        raise forbidden(call.kind, attempt.name, attempt.refusal(user))
    _check_timeout(request.query.get("timeout", ""))
    form = Form.asked(request)
    match call.verb:
        case "get":
            check_read_version(request.query.get("resourceVersion", ""))
            stored = registry.read(call.kind, call.namespace, call.name)
            return _answered(form, form.one(call.kind, stored))
        case "list":
            check_list_version(request.query)
            found, version = registry.list(call.kind, call.namespace, _selector(request, call))
            return _answered(form, form.many(call.kind, found, version))
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
    since = request.query.get("resourceVersion", "")
    check_list_version(request.query)
    seconds = float(request.query.get("timeoutSeconds") or _WATCH_SECONDS)
    response = web.StreamResponse()
    response.content_type = bodies.JSON
    changes = events(
        registry, call, _selector(request, call), int(since) if since not in ("", "0") else None
    )
    try:
        async with asyncio.timeout(seconds), aclosing(changes):
            await response.prepare(request)
            async for kind_of_change, stored in changes:
                shown = form.one(call.kind, stored)
                head = f'{{"type":"{kind_of_change}","object":'.encode()
                await response.write(head + shown + b"}\n")
    except TimeoutError:
        await response.write_eof()
    except ApiError as error:
        await response.write(dump({"type": "ERROR", "object": error.body}) + b"\n")
    except ConnectionResetError:
        return response
    return response


async def _delete(registry: Registry, request: web.Request, call: Call, form: Form) -> web.Response:
    deletion = delete_options(request.query, await _options(request))
    if call.verb == "delete":
        gone = registry.delete(
            call.kind, call.namespace, call.name, deletion.options, dry_run=deletion.dry_run
        )
        return _json(gone)
    found, version = registry.list(call.kind, call.namespace, _selector(request, call))
    for stored in found:
        registry.delete(
            call.kind,
            call.namespace,
            text(stored.metadata, "name"),
            deletion.options,
            dry_run=deletion.dry_run,
        )
    return _answered(form, form.many(call.kind, found, version))


async def _write(
    registry: Registry, request: web.Request, call: Call, user: str, form: Form
) -> web.Response:
    media = _media(request)
    how = PATCH_TYPES.get(media)
    if call.verb == "patch" and how is None:
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    agent = request.headers.get("User-Agent", "")
    applies = call.verb == "patch" and how == "apply"
    write = write_options(call.verb, request.query, agent, user, applies=applies)
    raw = await _raw(request)
    if call.verb == "patch":
        assert how is not None
        if how != "apply":
            registry.read(call.kind, call.namespace, call.name)
        patch = read_patch(how, raw, write.field_validation)
        write = replace(write, repeated=patch.repeated)
        written = registry.patch(call.kind, call.namespace, call.name, how, patch.value, write)
        return _written(form, call, written)
    body = _read(raw, media, call.kind.name)
    write = replace(write, repeated=body.repeated)
    if not isinstance(body.value, dict):
        raise unrecognized(call.kind.name, body)
    if call.verb == "create":
        written = registry.create(call.kind, call.namespace, body.value, write)
    else:
        written = registry.replace(call.kind, call.namespace, call.name, body.value, write)
    return _written(form, call, written)


def _written(form: Form, call: Call, written: Written) -> web.Response:
    shown = form.one(call.kind, written.stored)
    response = _answered(form, shown, 201 if written.created else 200)
    add_warnings(response, written.warnings)
    return response


def add_warnings(response: web.Response, warnings: Iterable[str]) -> None:
    """Add a Warning header for each."""
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')


def _check_timeout(timeout: str) -> None:
    if timeout and not _DURATION.fullmatch(timeout):
        why = f'time: invalid duration "{timeout}"'
        raise bad_request(f"invalid timeout specified in the request URL - {why}")


def _media(request: web.Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip()


async def _raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        why = f"Request entity too large: limit is {BODY_LIMIT}"
        raise ApiError(413, "RequestEntityTooLarge", why) from error


def _read(raw: bytes, media: str, kind: str) -> Body:
    """Read an object's body; null stands for an empty object."""
    _check_media(media)
    try:
        body = bodies.read(raw, media)
    except BodyError as error:
        raise unrecognized(kind, Body(raw, None), str(error)) from error
    return body if body.value is not None else replace(body, value={})


def _check_media(media: str) -> None:
    if media not in ("", *_READABLE):
        why = _UNSUPPORTED + ", ".join(_READABLE)
        raise ApiError(415, "UnsupportedMediaType", why)


async def _options(request: web.Request) -> Document | None:
    raw = await _raw(request)
    if not raw:
        return None
    media = _media(request)
    _check_media(media)
    try:
        body = bodies.read(raw, media)
    except BodyError as error:
        raise bad_request(str(error)) from error
    if not isinstance(body.value, dict):
        raise bad_request(bodies.no_object(body.value))
    return body.value


async def _other(registry: Registry, request: web.Request, user: str) -> web.Response:
    path = request.path.rstrip("/")
    kind = review(path)
    if kind and request.method == "POST":
        body = _read(await _raw(request), _media(request), kind)
        manager = agent_manager(request.headers.get("User-Agent", ""))
        return _json(reviewed(registry, user, kind, manager, body), 201)
    known = DISCOVERY.get(path) or OPENAPI.get(path)
    if known is not None and request.method == "GET":
        return _json(known)
    attempt = unknown(request.method, request.path, request.query)
    if attempt is not None and not registry.allows(user, attempt):
        why = attempt.refusal(user)
        raise forbidden_elsewhere(attempt.resource, attempt.group, attempt.name, why)
    reads = request.method == "GET" and may_read(path)
    if attempt is None and not reads and not registry.allows_everything(user):
        raise forbidden_path(user, request.method, request.path)
    if known is not None:
        raise no_such_method()
    if not _is_api(request.path):
        return web.Response(text="404 page not found\n", status=404)
    kinds = ", ".join(KINDS)
    why = f"this local server has no {request.method} {request.path}: it only knows {kinds}"
    raise ApiError(404, "NotFound", why, {})


def _is_api(path: str) -> bool:
    """Whether the path is in a group that an API server has, served here or not."""
    match path.strip("/").split("/"):
        case ["api", *_]:
            return True
        case ["apis", group, *_]:
            return group in _UNSERVED or group.endswith(".k8s.io")
        case _:
            return False


def _selector(request: web.Request, call: Call) -> Selector:
    query = request.query
    return parse_selectors(
        call.kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
    )


def _answered(form: Form, body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=form.media)


def _json(document: Document, status: int = 200) -> web.Response:
    return web.Response(body=dump(document), status=status, content_type=bodies.JSON)
