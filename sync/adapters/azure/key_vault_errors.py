"""Turns what the Key Vault SDK raises into what an operator can act on; quotes none of it."""

import json
import ssl
from collections.abc import Iterator

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ODataV4Format,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpResponse
from urllib3.exceptions import NameResolutionError, SSLError

from sync.adapters.wire.retry_after import retry_after
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Unserved, VaultName
from sync.core.reasons import Reason

FAULTS = (AzureError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What the SDK raises; the last five for answers of another shape than it expects."""

_REDIRECT, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 300, 400, 401, 403, 404
_MAY_PASS = frozenset({404, 408, 409, 425, 429})
_SERVER_ERROR = 500


def unserved(error: Exception) -> Unserved | None:
    """Return why the vault does not serve the secret, if that is what its answer says.

    The service's code for a missing secret is SecretNotFound; that of another server that speaks
    its protocol will do, since only a listing removes keys. A page without a code is no answer.
    """
    if not isinstance(error, HttpResponseError):
        return None
    match error.status_code, *_codes(error):
        case 404, str(code), _ if code != "VaultNotFound":
            return Unserved.MISSING
        case (403, "SecretDisabled", _) | (403, _, "SecretDisabled"):
            return Unserved.DISABLED
        case _:
            return None


def explain(error: Exception, vault: VaultName, host: str) -> SyncError:
    """Return the error to raise for whatever the SDK raised while it asked that vault."""
    if isinstance(error, HttpResponseError) and (error.status_code or 0) >= _REDIRECT:
        return _refusal(error, vault, host)
    if isinstance(error, (ServiceRequestError, ServiceResponseError)):
        return _unreachable(error, host)
    if isinstance(error, ValueError) and not isinstance(
        error, (json.JSONDecodeError, UnicodeError)
    ):
        return untrusted(host, "its challenge or its answer names another resource")
    return broken(host, type(error).__name__)


def untrusted(host: str, why: str) -> Permanent:
    """Return the error for an answer that cannot come from that vault."""
    return Permanent(
        Reason.VAULT_UNTRUSTED,
        f"What answers at https://{host} is not that vault: {why}. No token was sent elsewhere. "
        "Check SYNC_VAULT_DNS_SUFFIX, name resolution and any proxy on the way.",
    )


def broken(host: str, what: str) -> Transient:
    """Return the error for an answer that cannot be read."""
    return Transient(
        Reason.VAULT_ANSWER_BROKEN,
        f"The answer of https://{host} could not be read ({what}). If this stays, look for a "
        "proxy that answers in the vault's place.",
    )


def _refusal(error: HttpResponseError, vault: VaultName, host: str) -> SyncError:
    status = error.status_code or 0
    if status >= _SERVER_ERROR or status in _MAY_PASS or status < _BAD_REQUEST:
        headers = error.response.headers if isinstance(error.response, HttpResponse) else {}
        reason = Reason.VAULT_THROTTLED if status == 429 else Reason.VAULT_UNAVAILABLE  # noqa: PLR2004 - HTTP
        return Transient(
            reason,
            f"https://{host} answered with HTTP status {status}. This may pass.",
            retry_after(headers.get("Retry-After")),
        )
    if status not in {_UNAUTHORIZED, _FORBIDDEN}:
        return Permanent(
            Reason.VAULT_REFUSED, f"https://{host} refused the request with HTTP status {status}."
        )
    if status == _UNAUTHORIZED:
        return Permanent(
            Reason.VAULT_UNAUTHORIZED,
            f"Vault {vault} does not accept the token of the app's identity (HTTP status {status}):"
            " check that both are of the same tenant. A token that was revoked is renewed when it "
            "expires, or when the app is restarted.",
        )
    inner = _codes(error)[1]
    if inner in {"ForbiddenByFirewall", "ForbiddenByConnection"}:
        return Permanent(
            Reason.VAULT_FIREWALLED,
            f"The network rules of vault {vault} refuse this app. Allow its subnet: az keyvault "
            f"network-rule add --name {vault} --subnet SUBNET-ID (or give it a private endpoint).",
        )
    return Permanent(
        Reason.VAULT_FORBIDDEN,
        f"The app may not read the secrets of vault {vault} (HTTP status {status}). Grant it the "
        'role: az role assignment create --role "Key Vault Secrets User" --assignee IDENTITY '
        f'--scope "$(az keyvault show --name {vault} --query id --output tsv)"',
    )


def _unreachable(error: AzureError, host: str) -> Transient:
    for link in _chain(error):
        if isinstance(link, NameResolutionError):
            return Transient(
                Reason.VAULT_NAME_UNRESOLVED,
                f"The name {host} does not resolve. If the vault was deleted, take it off "
                "SYNC_VAULTS; otherwise check the network's DNS (private DNS zone).",
            )
        if isinstance(link, (SSLError, ssl.SSLError)):
            return Transient(
                Reason.VAULT_CERTIFICATE_REFUSED,
                f"The TLS handshake with {host} failed. If a proxy opens TLS on the way, put its "
                "authority into the file that REQUESTS_CA_BUNDLE names.",
            )
    return Transient(
        Reason.VAULT_UNREACHABLE,
        f"https://{host} could not be reached or broke off ({type(error).__name__}). "
        "This may pass.",
    )


def _codes(error: HttpResponseError) -> tuple[str | None, str | None]:
    match error.error:
        case ODataV4Format(code=code, innererror={"code": str(inner)}):
            return code, inner
        case ODataV4Format(code=code):
            return code, None
        case _:
            return None, None


def _chain(error: BaseException) -> Iterator[object]:
    """Yield the exception and those it wraps, wherever the SDK, requests and urllib3 keep them."""
    seen: set[int] = set()
    links: list[object] = [error]
    while links:
        link = links.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        links += [link.__cause__, link.__context__, *link.args]
        links += [getattr(link, "inner_exception", None), getattr(link, "reason", None)]
