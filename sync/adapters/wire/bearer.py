"""Access tokens as Authorization headers, and what a token says of itself."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_JWT_PARTS = 3
_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization header; renew it at `renew_at`, it expires at `expires_at` (epoch seconds).

    Two tokens are equal if their headers are.
    """

    header: str = field(repr=False)
    renew_at: float = field(compare=False)
    expires_at: float = field(compare=False)


def bearer(token: str) -> str | None:
    """Return the Authorization header for a token; None if the token cannot be in a header."""
    token = token.strip()
    return f"Bearer {token}" if _TOKEN.fullmatch(token) else None


def claims_of(token: str) -> Mapping[str, object]:
    """Return what a JWT claims, unchecked; nothing for a token of another kind."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return _NOTHING
    try:
        claims: object = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return _NOTHING
    return claims if isinstance(claims, dict) else _NOTHING
