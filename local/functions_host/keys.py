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

    def open_webhook(self, request: web.Request) -> bool:
        """Return whether the request may deliver events (system key `eventgrid_extension`)."""
        return _presents(request, self.event_grid, self.master)


def _presents(request: web.Request, *keys: str) -> bool:
    key = request.headers.get("x-functions-key") or request.query.get("code", "")
    return any(hmac.compare_digest(key.encode(), valid.encode()) for valid in keys)
