"""Reads what a vault says to a caller whose token it does not take.

https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
"""

import base64
import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sync.adapters.azure.vault_host import VaultHost
from sync.adapters.azure.vault_tokens import Audience

_PARAMETER = re.compile(r'([A-Za-z_]{1,64})\s*=\s*(?:"([^"]*)"|([^\s",]+))')
_TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,127}", re.ASCII)
_NO_TENANTS = frozenset({"adfs", "common", "organizations"})
_MOST_CHARACTERS = 8192


class ForeignChallenge(Exception):
    """The challenge asks for a token of another service than Key Vault."""


def audience_of(headers: Mapping[str, str], host: VaultHost, sent: Audience) -> Audience | None:
    """Return the audience that a vault's 401 asks for; None if it is no challenge of Key Vault.

    `sent` is the audience of the token that it refused: a claims challenge asks for the same with
    more claims. Raises ForeignChallenge.
    """
    header = headers.get("WWW-Authenticate", "")
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer" or len(header) > _MOST_CHARACTERS:
        return None
    told = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    issuer = told.get("authorization") or told.get("authorization_uri") or ""
    if claims := _decoded(told.get("claims", "")):
        return Audience(sent.scope, sent.tenant, claims)
    resource = told.get("resource", "")
    scope = told.get("scope") or (f"{resource}/.default" if resource else "")
    if not issuer or not scope:
        return None
    if not _is_vaults_own(scope, host):
        raise ForeignChallenge
    return Audience(scope, _tenant(issuer))


def _is_vaults_own(scope: str, host: VaultHost) -> bool:
    """Return whether the scope is of a domain that the vault's host lies in."""
    try:
        domain = (urlsplit(scope).hostname or "").lower()
    except ValueError:
        return False
    return bool(domain) and str(host).endswith(f".{domain}")


def _tenant(issuer: str) -> str | None:
    try:
        tenant = urlsplit(issuer).path.strip("/").partition("/")[0]
    except ValueError:
        return None
    if tenant.lower() in _NO_TENANTS or not _TENANT.fullmatch(tenant):
        return None
    return tenant.lower()


def _decoded(claims: str) -> str | None:
    """Return the claims as JSON; None without any, or if they cannot be read."""
    if not claims:
        return None
    try:
        text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode()
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None
