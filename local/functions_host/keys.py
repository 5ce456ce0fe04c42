"""The host's keys and what each of them allows."""

import hmac
import secrets
from dataclasses import dataclass, field

from aiohttp import web

from local.functions_host.triggers import AuthLevel


def _new_key() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Keys:
    """The master key allows everything, the others one thing each; missing keys are generated."""

    master: str = field(default_factory=_new_key, repr=False)
    function: str = field(default_factory=_new_key, repr=False)
    event_grid: str = field(default_factory=_new_key, repr=False)

    def open_http(self, level: AuthLevel, request: web.Request) -> bool:
        """Return whether the request may call a function of that level."""
        match level:
            case AuthLevel.ANONYMOUS:
                return True
            case AuthLevel.FUNCTION:
                return _presents(request, self.function, self.master)
            case AuthLevel.ADMIN:
                return _presents(request, self.master)

    def admit_events(self, request: web.Request) -> None:
        """Admit who may deliver events, with the system key `eventgrid_extension`.

        Raises 401 for a stranger, 403 for the holder of another key.
        """
        self._admit(request, self.event_grid, self.master)

    def admit_admin(self, request: web.Request) -> None:
        """Admit the holder of the master key; raises as `admit_events`."""
        self._admit(request, self.master)

    def _admit(self, request: web.Request, *keys: str) -> None:
        if _presents(request, *keys):
            return
        if _presents(request, self.master, self.function, self.event_grid):
            raise web.HTTPForbidden(text="this key opens something else")
        raise web.HTTPUnauthorized(text="x-functions-key, or code= in the query, must be a key")


def _presents(request: web.Request, *keys: str) -> bool:
    key = request.headers.get("x-functions-key") or request.query.get("code", "")
    return any(hmac.compare_digest(key.encode(), valid.encode()) for valid in keys)
