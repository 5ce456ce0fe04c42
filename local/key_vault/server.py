"""Key Vault's data plane over HTTP: the vault is chosen by the Host header."""

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web

from local.key_vault.faults import Asked, Kind, Part
from local.key_vault.paging import PAGE_SIZE, Page
from local.key_vault.refusals import Refused, bad_parameter, on_demand
from local.key_vault.secret import Version
from local.key_vault.vault import Vault
from local.key_vault.vaults import RESOURCE, KeyVaults
from local.key_vault.wire import (
    Fields,
    bundle,
    deleted,
    entry,
    next_link,
    read_attributes,
    read_body,
    read_value,
)

_SERVED = (
    "this vault has /secrets and /deletedsecrets, but neither keys, certificates nor backup "
    "and restore."
)

_UNAUTHORIZED = 401
_NO_TOKEN = Refused(
    _UNAUTHORIZED, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token."
)

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Call:
    """An authenticated request to one vault."""

    vault: Vault
    request: web.Request
    body: bytes = field(repr=False)

    @property
    def url(self) -> str:
        return self.vault.url

    @property
    def name(self) -> str:
        return self.request.match_info.get("name", "")

    @property
    def version(self) -> str | None:
        return self.request.match_info.get("version")

    def odd(self, version: Version, fields: Fields) -> Fields:
        """Return the fields of a secret with this vault's quirks."""
        return fields | dict(self.vault.quirks.odd.get(version.name.lower(), {}))

    @property
    def position(self) -> tuple[int, str | None]:
        try:
            size = int(self.request.query.get("maxresults", PAGE_SIZE))
        except ValueError as error:
            raise bad_parameter("Parameter 'maxresults' must be a number.") from error
        return size, self.request.query.get("$skiptoken")

    def page[T](self, page: Page[T], write: Callable[[T], Fields]) -> Fields:
        base = f"{self.url}:443{self.request.path.rstrip('/')}"  # the service names the port
        entries = [write(one) for one in page.entries]
        return {
            "value": None if self.vault.quirks.null_page and not entries else entries,
            "nextLink": next_link(base, page, dict(self.request.query)),
        }


type _Operation = Callable[[_Call], Fields | None]


def _get(call: _Call) -> Fields:
    version = call.vault.get_secret(call.name, call.version)
    return call.odd(version, bundle(call.url, version))


def _list(call: _Call) -> Fields:
    page = call.vault.list_secrets(*call.position)
    return call.page(page, lambda secret: call.odd(secret, entry(call.url, secret)))


def _versions(call: _Call) -> Fields:
    page = call.vault.list_versions(call.name, *call.position)
    return call.page(page, lambda version: entry(call.url, version, version.version))


def _set(call: _Call) -> Fields:
    body = read_body(call.body)
    made = call.vault.set_secret(call.name, read_value(body), **read_attributes(body))
    return bundle(call.url, made)


def _update(call: _Call) -> Fields:
    attributes = read_attributes(read_body(call.body))
    changed = call.vault.update(call.name, call.version, **attributes)
    return entry(call.url, changed, changed.version)


def _delete(call: _Call) -> Fields:
    return deleted(call.url, call.vault.delete(call.name))


def _recover(call: _Call) -> Fields:
    current = call.vault.recover(call.name).current
    return entry(call.url, current, current.version)


def _purge(call: _Call) -> None:
    call.vault.purge(call.name)


def _get_deleted(call: _Call) -> Fields:
    return deleted(call.url, call.vault.get_deleted(call.name))


def _list_deleted(call: _Call) -> Fields:
    page = call.vault.list_deleted(*call.position)
    return call.page(page, lambda secret: deleted(call.url, secret, listed=True))


_ROUTES: tuple[tuple[str, str, Kind, _Operation], ...] = (
    ("GET", "/secrets", "list", _list),
    ("GET", "/secrets/{name}", "get", _get),
    ("GET", "/secrets/{name}/", "get", _get),
    ("GET", "/secrets/{name}/versions", "versions", _versions),
    ("GET", "/secrets/{name}/{version}", "get", _get),
    ("PUT", "/secrets/{name}", "set", _set),
    ("PATCH", "/secrets/{name}", "update", _update),
    ("PATCH", "/secrets/{name}/", "update", _update),
    ("PATCH", "/secrets/{name}/{version}", "update", _update),
    ("DELETE", "/secrets/{name}", "delete", _delete),
    ("GET", "/deletedsecrets", "list_deleted", _list_deleted),
    ("GET", "/deletedsecrets/{name}", "get_deleted", _get_deleted),
    ("DELETE", "/deletedsecrets/{name}", "purge", _purge),
    ("POST", "/deletedsecrets/{name}/recover", "recover", _recover),
)


def key_vault_app(vaults: KeyVaults) -> web.Application:
    """Return the application that serves these vaults."""
    app = web.Application(middlewares=[_refusals])
    for method, path, kind, operation in _ROUTES:
        app.router.add_route(method, path, _handler(vaults, kind, operation))
    return app


def _handler(vaults: KeyVaults, kind: Kind, operation: _Operation) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        vault = vaults.at(request.host)
        if vault is None:
            there = ", ".join(vaults.names()) or "none"
            why = f"There is no vault at {request.host}; the vaults here: {there}."
            raise Refused(404, "VaultNotFound", why)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and vaults.token_valid(token)
        call = _Call(vault, request, await request.read())
        vault.count(kind if known else "unauthorized")

        async def answer() -> web.StreamResponse:
            if not known:
                return dated(_challenge(vault))
            try:
                vault.access.check(kind, call.name)
                if "api-version" not in request.query:
                    raise bad_parameter("The api-version query parameter is missing.")
                return dated(_answer(operation(call)))
            except Refused as refusal:
                return dated(_refusal(refusal))

        part = _part(call, kind) if known else "challenge"
        fault = vault.faults.take(Asked(kind, call.name, part))
        if fault is None:
            return await answer()
        return dated(await fault.meet(request, answer, lambda status: _refused(vault, status)))

    def dated(response: web.StreamResponse) -> web.StreamResponse:
        """Date a response by the vaults' clock, unless a fault has dated it."""
        response.headers.setdefault("Date", formatdate(vaults.clock(), usegmt=True))
        return response

    return handle


def _part(call: _Call, kind: Kind) -> Part | None:
    match kind:
        case "list" | "versions":
            return "next_page" if call.position[1] else "first_page"
        case "get":
            return "version" if call.version else "current"
        case _:
            return None


@web.middleware
async def _refusals(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refusal:
        return _refusal(refusal)
    except web.HTTPMethodNotAllowed as error:
        served = ", ".join(sorted(error.allowed_methods))
        message = f"{request.method} is not served at {request.path}, {served} would be; {_SERVED}"
        return _refusal(Refused(405, "MethodNotAllowed", message))
    except web.HTTPNotFound:
        message = f"{request.path} is not served; {_SERVED}"
        return _refusal(Refused(404, "NotFound", message))


def _refused(vault: Vault, status: int) -> web.Response:
    refusal = on_demand(status)
    return _challenge(vault, refusal) if status == _UNAUTHORIZED else _refusal(refusal)


def _challenge(vault: Vault, refusal: Refused = _NO_TOKEN) -> web.Response:
    response = _refusal(refusal)
    response.headers["WWW-Authenticate"] = (
        f'Bearer authorization="https://login.microsoftonline.com/{vault.tenant}", '
        f'resource="{RESOURCE}"'
    )
    return response


def _refusal(refusal: Refused) -> web.Response:
    return _answer(refusal.body(), refusal.status)


def _answer(body: Fields | None, status: int = 200) -> web.Response:
    headers = {"x-ms-request-id": str(uuid.uuid4()), "Cache-Control": "no-cache"}
    if body is None:
        return web.Response(status=204, headers=headers)
    return web.Response(
        status=status,
        headers=headers,
        body=json.dumps(body).encode(),
        content_type="application/json",
        charset="utf-8",
    )
