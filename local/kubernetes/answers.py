"""What the API server answers over HTTP, from a registry of objects."""

import asyncio
from contextlib import aclosing

from aiohttp import web

from local.kubernetes.authorization import Attempt
from local.kubernetes.discovery import DISCOVERY, REVIEWS_GROUP, WHOAMI_GROUP
from local.kubernetes.documents import (
    Document,
    Json,
    array,
    child,
    dump,
    parse_json,
    parse_yaml,
    text,
    words,
)
from local.kubernetes.kinds import KINDS
from local.kubernetes.openapi import OPENAPI
from local.kubernetes.protobuf import MEDIA_TYPE, parse_protobuf
from local.kubernetes.registry import Registry
from local.kubernetes.routes import PATCH_TYPES, Call, dry_run, route, unknown, write_options
from local.kubernetes.selectors import Selector
from local.kubernetes.selectors import parse as parse_selectors
from local.kubernetes.status import (
    ApiError,
    bad_request,
    forbidden,
    forbidden_elsewhere,
    invalid_options,
    not_allowed,
)
from local.kubernetes.store import Stored
from local.kubernetes.tables import table
from local.kubernetes.watching import events

BODY_LIMIT = 3 << 20
"""The bytes that a request's body may have."""

_REVIEWS = f"/apis/{REVIEWS_GROUP}/v1/selfsubjectaccessreviews"
_WHOAMI = f"/apis/{WHOAMI_GROUP}/v1/selfsubjectreviews"
_JSON = "application/json"
_WATCH_SECONDS = 1800.0
_NO_WATCH_LIST = (
    "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
)
_UNSUPPORTED = "the body of the request was in an unknown format - accepted media types include: "


async def answer(registry: Registry, request: web.Request, user: str) -> web.StreamResponse:
    """Answer a request of that user from the registry; raises ApiError."""
    call = route(request.method, request.path, request.query)
    if call is None:
        return await _other(registry, request, user)
    attempt = call.attempt(request.query.get("fieldSelector", ""))
    if not registry.allows(user, attempt):
        raise forbidden(call.kind, attempt.name, attempt.refusal(user))
    return await _served(registry, request, call, user)


async def _served(
    registry: Registry, request: web.Request, call: Call, user: str
) -> web.StreamResponse:
    match call.verb:
        case "get":
            return _object(request, call, registry.read(call.kind, call.namespace, call.name), 200)
        case "list":
            return _list(registry, request, call)
        case "watch":
            return await _watch(registry, request, call)
        case "delete" | "deletecollection":
            return await _delete(registry, request, call)
        case _:
            return await _write(registry, request, call, user)


def _list(registry: Registry, request: web.Request, call: Call) -> web.Response:
    found, version = registry.list(call.kind, call.namespace, _selector(request, call))
    if _wants_table(request):
        return _json(table(call.kind, found, version, _include(request)))
    head = dump(
        {
            "kind": f"{call.kind.name}List",
            "apiVersion": call.kind.api_version,
            "metadata": {"resourceVersion": version},
        }
    )
    objects = b",".join(stored.body for stored in found)
    return web.Response(body=head[:-1] + b',"items":[' + objects + b"]}", content_type=_JSON)


async def _watch(registry: Registry, request: web.Request, call: Call) -> web.StreamResponse:
    if "sendInitialEvents" in request.query:
        raise invalid_options("ListOptions", not_allowed("sendInitialEvents", _NO_WATCH_LIST))
    since = request.query.get("resourceVersion", "")
    if since and not since.isdigit():
        raise bad_request(f'resourceVersion: Invalid value: "{since}": it is no number')
    seconds = float(request.query.get("timeoutSeconds") or _WATCH_SECONDS)
    response = web.StreamResponse()
    response.content_type = _JSON
    changes = events(
        registry, call, _selector(request, call), int(since) if since not in ("", "0") else None
    )
    try:
        async with asyncio.timeout(seconds), aclosing(changes):
            await response.prepare(request)
            async for kind_of_change, stored in changes:
                shown = _shown(request, call, stored)
                head = f'{{"type":"{kind_of_change}","object":'.encode()
                await response.write(head + shown + b"}\n")
    except TimeoutError:
        await response.write_eof()
    except ApiError as error:
        await response.write(dump({"type": "ERROR", "object": error.body}) + b"\n")
    except ConnectionResetError:
        return response
    return response


async def _delete(registry: Registry, request: web.Request, call: Call) -> web.Response:
    body = await _body(request)
    options = body if isinstance(body, dict) else {}
    dry = dry_run("DeleteOptions", request.query) or words(options, "dryRun") == ["All"]
    if call.verb == "delete":
        gone = registry.delete(call.kind, call.namespace, call.name, options, dry_run=dry)
        return _json(gone)
    found, version = registry.list(call.kind, call.namespace, _selector(request, call))
    for stored in found:
        registry.delete(
            call.kind, call.namespace, text(stored.metadata, "name"), options, dry_run=dry
        )
    return _json(
        {
            "kind": f"{call.kind.name}List",
            "apiVersion": call.kind.api_version,
            "metadata": {"resourceVersion": version},
            "items": array(stored.document for stored in found),
        }
    )


async def _write(registry: Registry, request: web.Request, call: Call, user: str) -> web.Response:
    how = PATCH_TYPES.get(request.content_type)
    if call.verb == "patch" and how is None:
        raise ApiError(415, "UnsupportedMediaType", _UNSUPPORTED + ", ".join(PATCH_TYPES), {})
    agent = request.headers.get("User-Agent", "")
    write = write_options(call, request.query, agent, user, applies=how == "apply")
    body = await _body(request)
    if call.verb == "create":
        written = registry.create(call.kind, call.namespace, body, write)
    elif how is None or call.verb == "update":
        written = registry.replace(call.kind, call.namespace, call.name, body, write)
    else:
        written = registry.patch(call.kind, call.namespace, call.name, how, body, write)
    response = _object(request, call, written.stored, 201 if written.created else 200)
    for warning in written.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


async def _body(request: web.Request) -> Json:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        why = f"Request entity too large: limit is {BODY_LIMIT}"
        raise ApiError(413, "RequestEntityTooLarge", why, {}) from error
    if not body and request.method == "DELETE":
        return {}
    media = request.content_type
    if "yaml" in media:
        try:
            return parse_yaml(body)
        except ValueError as error:
            raise bad_request(f"error decoding YAML: {error}") from error
    if media == MEDIA_TYPE:
        try:
            return parse_protobuf(body)
        except ValueError as error:
            raise bad_request(f"error decoding protobuf: {error}") from error
    if "json" not in media:
        accepted = f"application/json, application/yaml, {MEDIA_TYPE}"
        raise ApiError(415, "UnsupportedMediaType", _UNSUPPORTED + accepted, {})
    try:
        return parse_json(body)
    except ValueError as error:
        raise bad_request(f"the body is no JSON: {error}") from error


async def _other(registry: Registry, request: web.Request, user: str) -> web.Response:
    path = request.path.rstrip("/")
    if request.method == "POST" and path == _REVIEWS:
        return _review(registry, user, await _body(request))
    if request.method == "POST" and path == _WHOAMI:
        return _whoami(user, await _body(request))
    known = DISCOVERY.get(path) or OPENAPI.get(path)
    if known is not None and request.method == "GET":
        return _json(known)
    attempt = unknown(request.method, request.path, request.query)
    if not registry.allows(user, attempt):
        raise forbidden_elsewhere(attempt.resource, attempt.name, attempt.refusal(user))
    kinds = ", ".join(KINDS)
    why = f"this local server has no {request.method} {request.path}: it only knows {kinds}"
    raise ApiError(404, "NotFound", why, {})


def _review(registry: Registry, user: str, body: Json) -> web.Response:
    document = body if isinstance(body, dict) else {}
    asked = child(child(document, "spec"), "resourceAttributes")
    attempt = Attempt(
        text(asked, "verb"),
        text(asked, "resource"),
        text(asked, "namespace"),
        text(asked, "name"),
        text(asked, "group"),
    )
    status: Document = {"allowed": registry.allows(user, attempt) if asked else True}
    return _json({**document, "metadata": {"creationTimestamp": None}, "status": status}, 201)


def _whoami(user: str, body: Json) -> web.Response:
    document = body if isinstance(body, dict) else {}
    status: Document = {"userInfo": {"username": user, "groups": ["system:authenticated"]}}
    return _json({**document, "metadata": {"creationTimestamp": None}, "status": status}, 201)


def _selector(request: web.Request, call: Call) -> Selector:
    query = request.query
    return parse_selectors(
        call.kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
    )


def _wants_table(request: web.Request) -> bool:
    return "as=Table;v=v1;" in request.headers.get("Accept", "").replace(" ", "") + ";"


def _include(request: web.Request) -> str:
    return request.query.get("includeObject", "Metadata")


def _shown(request: web.Request, call: Call, stored: Stored) -> bytes:
    if not _wants_table(request):
        return stored.body
    version = text(stored.metadata, "resourceVersion")
    return dump(table(call.kind, [stored], version, _include(request)))


def _object(request: web.Request, call: Call, stored: Stored, status: int) -> web.Response:
    return web.Response(body=_shown(request, call, stored), status=status, content_type=_JSON)


def _json(document: Document, status: int = 200) -> web.Response:
    return web.Response(body=dump(document), status=status, content_type=_JSON)
