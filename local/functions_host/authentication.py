"""App Service authentication in front of the host: headers that clients cannot set name the caller.

https://learn.microsoft.com/azure/app-service/overview-authentication-authorization
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import hdrs, web
from multidict import CIMultiDict

PRINCIPALS = "FUNCTIONS_HOST_PRINCIPALS"
"""The variable with the callers: JSON, by token, each with id, name and idp."""

_TAKEN_AWAY = ("x-ms-client-principal", "x-ms-token-")

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller, as its identity provider `idp` knows it (`aad` is Microsoft Entra)."""

    id: str
    name: str
    idp: str = "aad"


@dataclass(frozen=True, slots=True)
class Authentication:
    """The callers that the platform knows; without `required` it admits unnamed strangers."""

    principals: Mapping[str, Principal] = field(repr=False)
    required: bool = True
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """Read what the platform gives to an app; None if authentication is off.

        Raises ValueError, or a KeyError or TypeError for JSON of another form.
        """
        if environment.get("WEBSITE_AUTH_ENABLED") != "True":
            return None
        config = json.loads(environment.get("WEBSITE_AUTH_V2_CONFIG_JSON", "{}"))
        rules = config.get("globalValidation", {})
        callers = json.loads(environment.get(PRINCIPALS, "{}"))
        return cls(
            {token: Principal(**caller) for token, caller in callers.items()},
            rules.get("requireAuthentication", True)
            and rules.get("unauthenticatedClientAction") != "AllowAnonymous",
            tuple(rules.get("excludedPaths", ())),
        )

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Name the caller to the app, or refuse a stranger."""
        principal = self._principal(request)
        if principal is None and self.required and not self._is_excluded(request.path):
            return web.Response(status=401, headers={hdrs.WWW_AUTHENTICATE: "Bearer"})
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if not name.lower().startswith(_TAKEN_AWAY)
        )
        if principal is not None:
            claims = {"auth_typ": principal.idp, "claims": [], "name_typ": "", "role_typ": ""}
            headers["X-MS-CLIENT-PRINCIPAL"] = base64.b64encode(
                json.dumps(claims).encode()
            ).decode()
            headers["X-MS-CLIENT-PRINCIPAL-ID"] = principal.id
            headers["X-MS-CLIENT-PRINCIPAL-NAME"] = principal.name
            headers["X-MS-CLIENT-PRINCIPAL-IDP"] = principal.idp
        return await handler(request.clone(headers=headers))

    def _principal(self, request: web.Request) -> Principal | None:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        return self.principals.get(token) if scheme.lower() == "bearer" else None

    def _is_excluded(self, path: str) -> bool:
        return any(
            path == each or path.startswith(each.rstrip("/") + "/") for each in self.excluded
        )
