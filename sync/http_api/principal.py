"""Identifies the caller of an HTTP request that App Service authentication let through."""

import re
from collections.abc import Mapping

from sync.core.errors import NotOurs
from sync.core.reasons import Reason

_OBJECT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_ENTRA = "aad"


class UnknownCaller(NotOurs):
    """The request has no Entra principal."""


def entra_principal(headers: Mapping[str, str]) -> str:
    """Return the object id of the calling principal, in lower case; raises UnknownCaller.

    Only for an app behind App Service authentication, which removes these headers from requests:
    https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    """
    provider = headers.get("x-ms-client-principal-idp", "")
    principal = headers.get("x-ms-client-principal-id", "")
    if provider != _ENTRA or not _OBJECT_ID.fullmatch(principal):
        raise UnknownCaller(
            Reason.CALLER_UNKNOWN,
            "Log in with Microsoft Entra: send the header 'Authorization: Bearer TOKEN' with a "
            "token for this app, as 'az account get-access-token --scope "
            "api://CLIENT-ID/.default' gives, CLIENT-ID being that of the app's App Service "
            "authentication. A function key does not do here.",
        )
    return principal.lower()
