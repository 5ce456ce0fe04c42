"""Tells a refused credential from a token endpoint that is down; the SDKs do not."""

import json
import re
from collections.abc import Iterator

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import (
    AzureError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpResponse

from sync.adapters.wire.retry_after import retry_after
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.reasons import Reason

_FAULTS = (AzureError, ValueError, TypeError, KeyError, AttributeError)
_OUTAGES = (ServiceRequestError, ServiceResponseError, DecodeError, json.JSONDecodeError, OSError)
_MAY_PASS = frozenset({404, 408, 410, 429})  # 404 and 410 are the metadata endpoint while it moves
_SERVER_ERROR = 500

_OUTAGE_TEXT = re.compile(
    r"Token request error: \(\w+\) (?:5\d\d|429)\b"  # what an App Service identity makes of a 5xx
    r"|Expecting value|JSON is invalid|IncompleteRead|Remote end closed|Max retries exceeded"
    r"|[Tt]imed out|Connection (?:aborted|refused|reset)"
    r"|temporarily_unavailable|server_error"
)
"""A chain of credentials passes on only text; it is searched and never quoted."""

_CODE = re.compile(r"AADSTS[0-9]{4,7}\b", re.ASCII)
"""Entra's error number, the only part of a message that is quoted."""


def may_pass(status: int) -> bool:
    """Return whether a token endpoint that answers with this HTTP status may recover by itself."""
    return status in _MAY_PASS or status >= _SERVER_ERROR


class Credential:
    """An azure-identity credential that raises Permanent or Transient."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> AccessToken:
        """Return a token; the signature is azure-core's protocol TokenCredential."""
        try:
            return self._credential.get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **kwargs
            )
        except _FAULTS as error:
            failure = _explain(error)
        raise failure  # outside the except clause, so that it is not chained to the SDK's exception


def _explain(error: Exception) -> SyncError:
    wait: float | None = None
    passing = bool(_OUTAGE_TEXT.search(str(error)))
    for link in _chain(error):
        passing = passing or isinstance(link, _OUTAGES)
        if isinstance(link, HttpResponseError) and isinstance(link.response, HttpResponse):
            status = link.response.status_code
            passing = passing or may_pass(status)
            wait = retry_after(link.response.headers)
    code = _CODE.search(str(error))
    what = f"{type(error).__name__}, {code.group()}" if code else type(error).__name__
    if passing:
        return Transient(
            Reason.CREDENTIAL_UNAVAILABLE,
            "The token endpoint of the app's identity does not answer as it should "
            f"({what}). This may pass; nothing was written.",
            wait,
        )
    return Permanent(
        Reason.CREDENTIAL_REFUSED,
        f"The app got no token for its identity ({what}). Assign the managed "
        "identity to the app and set AZURE_CLIENT_ID to its client id, or renew the service "
        "principal's secret; on a workstation: az login.",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
