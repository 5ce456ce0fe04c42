"""Turns a vault's refusals, and the SDK's exceptions, into errors that an operator can act on.

No message quotes an answer or an exception: its text may hold a secret.
"""

import json
import ssl
from collections.abc import Iterator

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from urllib3.exceptions import NameResolutionError, SSLError

from sync.adapters.azure.throttling import Throttled
from sync.adapters.azure.vault_host import Answer, VaultHost
from sync.adapters.wire.retry_after import retry_after
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Unserved
from sync.core.reasons import Reason

FAULTS = (AzureError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What the SDK raises; the last five for answers of a shape that it does not expect."""

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 400, 401, 403, 429
_MAY_PASS = frozenset({404, 408, 409, 425, _TOO_MANY})
_SERVER_ERROR = 500


def unserved(answer: Answer) -> Unserved | None:
    """Return why the vault does not serve the secret; None if the answer does not say so.

    Key Vault's code for a missing secret is SecretNotFound; other servers that speak its protocol
    may use another. A 404 without any code does not come from a vault.
    """
    match answer.status, *_codes(answer):
        case 404, str(code), _ if code != "VaultNotFound":
            return Unserved.MISSING
        case (403, "SecretDisabled", _) | (403, _, "SecretDisabled"):
            return Unserved.DISABLED
        case _:
            return None


def refusal(answer: Answer, host: VaultHost) -> SyncError:
    """Return the error to raise for an answer that is not a success."""
    status = answer.status
    if status >= _SERVER_ERROR or status in _MAY_PASS or status < _BAD_REQUEST:
        return Transient(
            Reason.VAULT_THROTTLED if status == _TOO_MANY else Reason.VAULT_UNAVAILABLE,
            f"https://{host} answered with HTTP status {status}. This may pass.",
            retry_after(answer.headers),
        )
    match status:
        case 401:
            return _unauthorized(answer, host)
        case 403:
            return _forbidden(answer, host)
        case _:
            return Permanent(
                Reason.VAULT_REFUSED,
                f"https://{host} refused the request with HTTP status {status}.",
            )


def explain(error: Exception, host: VaultHost) -> SyncError:
    """Return the error to raise for an exception of the SDK."""
    match error:
        case Throttled(seconds=seconds):
            return Transient(
                Reason.VAULT_THROTTLED,
                f"https://{host} throttles this app and asks to be left alone for "
                f"{seconds:.0f} s more: it was not asked. This may pass.",
                seconds,
            )
        case ServiceRequestError() | ServiceResponseError():
            return _unreachable(error, host)
        case json.JSONDecodeError() | UnicodeError():
            return broken(host, type(error).__name__)
        case _:
            return broken(host, type(error).__name__)


def untrusted(host: VaultHost, why: str) -> Permanent:
    """Return the error for an answer that cannot come from that vault."""
    return Permanent(
        Reason.VAULT_UNTRUSTED,
        f"What answers at https://{host} is not that vault: {why}. No token was sent elsewhere. "
        "Check SYNC_VAULT_DNS_SUFFIX, name resolution and any proxy on the way.",
    )


def broken(host: VaultHost, what: str) -> Transient:
    """Return the error for an answer that cannot be read."""
    return Transient(
        Reason.VAULT_ANSWER_BROKEN,
        f"The answer of https://{host} could not be read ({what}). If this stays, look for a "
        "proxy that answers in the vault's place.",
    )


def not_accepted(host: VaultHost, tenant: str | None, ours: object = None) -> Permanent:
    """Return the error for a token that the vault does not take; `tenant` is whose it asks for.

    `ours` is the tenant that the token names, if it can be read.
    """
    if tenant and isinstance(ours, str) and ours.lower() != tenant:
        return Permanent(
            Reason.VAULT_UNAUTHORIZED,
            f"Vault {host.vault} belongs to tenant {tenant}, and the app's identity is of another "
            "one. A managed identity serves its own tenant alone: move the vault there, or let the "
            "app log in as an application that exists in the vault's tenant.",
        )
    of = f" of tenant {tenant}" if tenant else ""
    return Permanent(
        Reason.VAULT_UNAUTHORIZED,
        f"Vault {host.vault}{of} does not accept the token of the app's identity (HTTP status "
        f"{_UNAUTHORIZED}): check that both are of the same tenant. A token that was revoked is "
        "renewed when it expires, or when the app is restarted.",
    )


def _unauthorized(answer: Answer, host: VaultHost) -> Permanent:
    if _codes(answer)[0] is not None:
        return not_accepted(host, None)
    return Permanent(
        Reason.VAULT_UNTRUSTED,
        f"What answers at https://{host} is not that vault: it asks for a log-in "
        f"(HTTP status {_UNAUTHORIZED}) without Key Vault's challenge. Check name resolution and "
        "any proxy on the way.",
    )


def _forbidden(answer: Answer, host: VaultHost) -> Permanent:
    vault, inner = host.vault, _codes(answer)[1]
    if inner in {"ForbiddenByFirewall", "ForbiddenByConnection"}:
        return Permanent(
            Reason.VAULT_FIREWALLED,
            f"The network rules of vault {vault} refuse this app. Give the vault a private "
            "endpoint with its DNS zone, or let in the address of the NAT gateway of the app's "
            f"subnet: az keyvault network-rule add --name {vault} --ip-address NAT-ADDRESS",
        )
    if inner == "AccessDenied":  # of access policies; that of roles is ForbiddenByRbac
        return Permanent(
            Reason.VAULT_FORBIDDEN,
            f"The access policies of vault {vault} do not let the app read its secrets (HTTP "
            f"status {_FORBIDDEN}); a role is useless there. Add an entry, also to the template "
            f"that deploys the vault: az keyvault set-policy --name {vault} --object-id IDENTITY "
            "--secret-permissions get list",
        )
    return Permanent(
        Reason.VAULT_FORBIDDEN,
        f"The app may not read the secrets of vault {vault} (HTTP status {_FORBIDDEN}). Grant it "
        'the role: az role assignment create --role "Key Vault Secrets User" --assignee IDENTITY '
        f'--scope "$(az keyvault show --name {vault} --query id --output tsv)"',
    )


def _unreachable(error: AzureError, host: VaultHost) -> Transient:
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


def _codes(answer: Answer) -> tuple[str | None, str | None]:
    """Return the error code and the inner error code; None for each that is missing."""
    match answer.json:
        case {"error": {"code": str(code), "innererror": {"code": str(inner)}}}:
            return code, inner
        case {"error": {"code": str(code)}}:
            return code, None
        case _:
            return None, None


def _chain(error: BaseException) -> Iterator[object]:
    """Yield the exception and those it wraps, wherever the SDK, requests and urllib3 put them."""
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
