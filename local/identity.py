"""The managed-identity endpoint that App Service provides to apps, and the tokens it issued."""

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from local.faults import Plans
from local.serving import LOOPBACK

API_VERSION = "2019-08-01"
_PATH = "/msi/token"


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token for one resource; `expires_on` is Unix seconds."""

    secret: str = field(repr=False)
    resource: str
    expires_on: int


@dataclass(slots=True)
class Identity:
    """One managed identity: `lifetime` is that of new tokens, in seconds.

    `header` is the secret that callers must send; the app reads it from IDENTITY_HEADER.
    """

    clock: Callable[[], float] = time.time
    lifetime: int = 86_400
    client_id: str = "11111111-1111-4111-8111-111111111111"
    header: str = field(default_factory=secrets.token_hex, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _tokens: dict[str, Token] = field(default_factory=dict, repr=False)

    def environment(self, port: int) -> dict[str, str]:
        """Return the variables through which azure-identity finds the endpoint on that port."""
        return {
            "IDENTITY_ENDPOINT": f"http://{LOOPBACK}:{port}{_PATH}",
            "IDENTITY_HEADER": self.header,
        }

    def issue(self, resource: str) -> Token:
        """Issue a token for the resource, a URI or an application id."""
        token = Token(
            secrets.token_urlsafe(48), _canonical(resource), int(self.clock()) + self.lifetime
        )
        with self._lock:
            self._tokens[token.secret] = token
        return token

    def valid(self, token: str, resource: str) -> bool:
        """Whether the token was issued for the resource and is neither expired nor revoked."""
        with self._lock:
            issued = self._tokens.get(token)
        return (
            issued is not None
            and issued.resource == _canonical(resource)
            and self.clock() < issued.expires_on
        )

    def revoke(self, token: str | None = None) -> None:
        """Revoke a token, or all issued tokens."""
        with self._lock:
            if token is None:
                self._tokens.clear()
            else:
                self._tokens.pop(token, None)

    def revoke_for(self, resource: str) -> None:
        """Revoke every token for the resource."""
        with self._lock:
            for token in list(self._tokens.values()):
                if token.resource == _canonical(resource):
                    del self._tokens[token.secret]


def identity_app(
    identity: Identity, faults: Plans[str] | None = None, told_lifetime: int | None = None
) -> web.Application:
    """Return the application that issues the identity's tokens.

    Faults are planned by the resource of the token. With `told_lifetime`, responses tell callers to
    ask again after that many seconds, however long the tokens are valid.
    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    planned = faults or Plans[str]()

    async def token(request: web.Request) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            return issued(request)

        fault = planned.take(request.query.get("resource", ""))
        if fault is None:
            return await answer()
        return await fault.meet(request, answer, lambda status: _refusal(status, "on demand"))

    def issued(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), identity.header):
            return _refusal(401, "the X-IDENTITY-HEADER header is missing or wrong")
        if request.query.get("api-version") != API_VERSION:
            return _refusal(400, f"the api-version parameter must be {API_VERSION}")
        resource = request.query.get("resource")
        if not resource:
            return _refusal(400, "the resource parameter is missing")
        if request.query.get("client_id", identity.client_id) != identity.client_id:
            return _refusal(400, "no managed identity found for the specified client_id")
        made = identity.issue(resource)
        told = None if told_lifetime is None else int(identity.clock()) + told_lifetime
        return web.json_response(
            {
                "access_token": made.secret,
                "expires_on": str(made.expires_on if told is None else told),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": identity.client_id,
            }
        )

    async def unknown(request: web.Request) -> web.Response:
        return _refusal(404, f"{request.path} is not served: tokens are at GET {_PATH}")

    app = web.Application()
    app.router.add_get(_PATH, token)
    app.router.add_route("*", "/{path:.*}", unknown)
    return app


def _refusal(status: int, message: str) -> web.Response:
    body = {"statusCode": status, "message": message}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


def _canonical(resource: str) -> str:
    return resource.rstrip("/").lower()
