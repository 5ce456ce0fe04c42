"""Azure Resource Manager over HTTP."""

import base64
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.arm.events import EXTENSION, TOPICS
from local.arm.manager import CREDENTIAL, LARGEST_PAGE, NAME_CHECK, ResourceManager
from local.arm.refusals import RefusedError, on_demand
from local.arm.search import TENANT, Fields
from local.arm.vaults import SETTINGS
from local.arm.vaults import TYPE as _VAULTS

HOST = "management.azure.com"
RESOURCE = f"https://{HOST}"

_GRAPH = "/providers/Microsoft.ResourceGraph/resources"
_EVENTS = "eventSubscriptions"
_IN_GROUP = "subscriptions/[^/]+/resourceGroups/[^/]+/providers"
_VERSIONS = {
    CREDENTIAL: "2025-05-01",
    _GRAPH: "2022-10-01",
    NAME_CHECK: "2026-02-01",
    _EVENTS: "2025-02-15",
    _VAULTS: "2026-02-01",
    SETTINGS: "2021-05-01-preview",
}
_FREE: Fields = {"nameAvailable": True}
_TAKEN: Fields = {
    "nameAvailable": False,
    "reason": "AlreadyExists",
    "message": "The vault name is already in use.",
}

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def resource_manager_app(manager: ResourceManager) -> web.Application:
    """Return the resource manager's HTTP, for HOST."""

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            try:
                _authorize(manager, request)
                return await handler(request)
            except RefusedError as refusal:
                return _refusal(refusal)

        fault = manager.take_fault(request.path + await request.text())
        if fault is None:
            return await answer()
        return await fault.meet(request, answer, lambda status: _refusal(on_demand(status)))

    async def credential(request: web.Request) -> web.Response:
        _check_version(request, CREDENTIAL)
        kubeconfig = manager.kubeconfig(f"/{request.match_info['id']}")
        value = base64.b64encode(kubeconfig.encode()).decode()
        return web.json_response({"kubeconfigs": [{"name": "clusterUser", "value": value}]})

    async def search(request: web.Request) -> web.Response:
        _check_version(request, _GRAPH)
        page = manager.search(*_asked(await request.text()))
        answer: Fields = {
            "totalRecords": page.total,
            "count": len(page.rows),
            "data": page.rows,
            "facets": [],
            "resultTruncated": "false",
        }
        if page.link is not None:
            answer["$skipToken"] = page.link
        quota = {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"}
        return web.json_response(answer, headers=quota)

    async def name_check(request: web.Request) -> web.Response:
        _check_version(request, NAME_CHECK)
        free = manager.is_free(request.match_info["subscription"], _named(await request.text()))
        return web.json_response(_FREE if free else _TAKEN)

    app = web.Application(middlewares=[guarded])
    cluster = (
        "{id:(?i:subscriptions/[^/]+/resourceGroups/[^/]+"
        "/providers/Microsoft.ContainerService/managedClusters/[^/]+)}"
    )
    app.router.add_post(f"/{cluster}/{CREDENTIAL}", credential)
    _add_event_subscriptions(app, manager)
    _add_vaults(app, manager)
    app.router.add_post(_GRAPH, search)
    provider = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
    app.router.add_post(f"{provider}/{NAME_CHECK}", name_check)
    app.router.add_route("*", "/{path:.*}", _unknown)
    return app


def _add_event_subscriptions(app: web.Application, manager: ResourceManager) -> None:
    """Serve the lists of event subscriptions, of system topics and of vaults."""

    async def events(request: web.Request) -> web.Response:
        _check_version(request, _EVENTS)
        entries = manager.event_subscriptions(f"/{request.match_info['id']}")
        start = int(request.query.get("$skiptoken", "0"))
        end = start + manager.page_size
        answer: Fields = {"value": entries[start:end]}
        if end < len(entries):
            version = _VERSIONS[_EVENTS]
            link = f"{RESOURCE}{request.path}?api-version={version}&$skiptoken={end}"
            answer["nextLink"] = link
        return web.json_response(answer)

    app.router.add_get(f"/{{id:(?i:{_IN_GROUP}/{TOPICS}/[^/]+)}}/{_EVENTS}", events)
    app.router.add_get(f"/{{id:(?i:{_IN_GROUP}/{_VAULTS}/[^/]+)}}/{EXTENSION}", events)


def _add_vaults(app: web.Application, manager: ResourceManager) -> None:
    """Serve vaults, and the lists of their diagnostic settings."""

    async def vault(request: web.Request) -> web.Response:
        _check_version(request, _VAULTS)
        return web.json_response(manager.vault(f"/{request.match_info['id']}"))

    async def settings(request: web.Request) -> web.Response:
        _check_version(request, SETTINGS)
        listed = manager.diagnostic_settings(f"/{request.match_info['id']}")
        return web.json_response({"value": listed})

    path = f"/{{id:(?i:{_IN_GROUP}/{_VAULTS}/[^/]+)}}"
    app.router.add_get(path, vault)
    app.router.add_get(f"{path}/{SETTINGS}", settings)


async def _unknown(request: web.Request) -> web.Response:
    raise RefusedError(
        404,
        "InvalidResourceType",
        f"{request.method} {request.path} is not served: POST {_GRAPH}, POST "
        f"…/managedClusters/NAME/{CREDENTIAL}, POST …/Microsoft.KeyVault/{NAME_CHECK}, GET "
        f"…/{TOPICS}/NAME/{_EVENTS} and GET …/{_VAULTS}/NAME, …/{EXTENSION} and …/{SETTINGS} are.",
    )


def _refusal(refusal: RefusedError) -> web.Response:
    return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)


def _authorize(manager: ResourceManager, request: web.Request) -> None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not manager.token_valid(token):
        challenge = (
            f'Bearer authorization_uri="https://login.microsoftonline.com/{TENANT}", '
            'error="invalid_token", error_description="The access token is missing or invalid."'
        )
        raise RefusedError(
            401,
            "InvalidAuthenticationToken",
            f"The access token is missing, or not one for {RESOURCE}.",
            **{"WWW-Authenticate": challenge},
        )


def _check_version(request: web.Request, operation: str) -> None:
    if request.query.get("api-version") != _VERSIONS[operation]:
        raise RefusedError(
            400, "InvalidApiVersionParameter", f"The api-version is {_VERSIONS[operation]} here."
        )


def _named(text: str) -> str:
    """Return the vault name of an availability request."""
    try:
        body: object = json.loads(text)
    except ValueError:
        body = None
    match body:
        case {"name": str(name), "type": str(kind)} if kind == _VAULTS:
            return name
    raise RefusedError(400, "BadRequest", f"A check takes name and type, which is {_VAULTS}.")


def _asked(text: str) -> tuple[str, list[str], int, str | None]:
    """Return query, subscriptions, page size and link of a search request."""
    try:
        body: object = json.loads(text)
    except ValueError:
        body = None
    match body:
        case {"query": str(query), "options": dict(options), **others}:
            subscriptions = others.get("subscriptions", [])
            top, link = options.get("$top", 100), options.get("$skipToken")
            form = options.get("resultFormat")
            if (
                isinstance(subscriptions, list)
                and form == "objectArray"
                and 0 < top <= LARGEST_PAGE
            ):
                return query, subscriptions, top, link
    raise RefusedError(
        400,
        "BadRequest",
        "A search takes query, subscriptions or none for all, and options, of these $top (1 to "
        "1000), $skipToken and resultFormat, which is objectArray here.",
    )
