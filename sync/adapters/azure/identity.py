"""Chooses the app's Azure credential from the environment, so that a cold start tries only one."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError, DecodeError
from azure.core.pipeline import PipelineResponse
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import (
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from sync.adapters.azure.credential_errors import may_pass
from sync.adapters.azure.transport import azure_session, azure_transport
from sync.core.errors import Permanent
from sync.core.reasons import Reason

_READ_SECONDS = 5.0
_BUDGET = {"retry_total": 1, "retry_status": 0}
"""Fits Event Grid's 30 seconds; the library's defaults do not, and sleep any Retry-After."""

_EXPIRIES = "expires_on", "expires_in"  # App Service sends the first, other hosts the second


def log_in(environment: Mapping[str, str]) -> Callable[[], TokenCredential]:
    """Return a function that makes a credential from azure-identity's environment variables.

    If they name one kind of credential, it is that kind; else, as on a workstation, it is a
    DefaultAzureCredential. The order is that of
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
    """
    kind = _kind(environment)
    return partial(_made, kind, environment.get("AZURE_CLIENT_ID") or None)


def _kind(environment: Mapping[str, str]) -> type[TokenCredential]:
    given = {name for name, value in environment.items() if value}
    if "AZURE_TOKEN_CREDENTIALS" in given:
        return DefaultAzureCredential  # it reads this variable
    secrets = {"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"}
    if {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"} <= given and secrets & given:
        return EnvironmentCredential
    if "AZURE_FEDERATED_TOKEN_FILE" in given:
        return WorkloadIdentityCredential
    if {"IDENTITY_ENDPOINT", "MSI_ENDPOINT"} & given:
        return ManagedIdentityCredential
    return DefaultAzureCredential


def _made(kind: type[TokenCredential], client_id: str | None) -> TokenCredential:
    transport = azure_transport(azure_session(hosts=4, connections=4), _READ_SECONDS)
    options: dict[str, object] = {
        **_BUDGET,
        "transport": transport,
        "raw_response_hook": (
            _refuse_foreign if kind is ManagedIdentityCredential else _refuse_outage
        ),
    }
    if kind is ManagedIdentityCredential:
        options["client_id"] = client_id  # the others read it themselves
    try:
        return kind(**options)
    except (ValueError, OSError):
        return _Unusable(kind.__name__)


def _refuse_outage(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
    """Raise for an endpoint that is down: MSAL would drop its status and Retry-After."""
    answer = response.http_response
    if may_pass(answer.status_code):
        raise ClientAuthenticationError("the token endpoint is down", response=answer)


def _refuse_foreign(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
    """Raise also for an answer that is no token, which MSAL would take for a refusal."""
    _refuse_outage(response)
    answer = response.http_response
    if answer.status_code != HTTPStatus.OK:
        return
    match answer.json():
        case {"access_token": str(), **more} if any(map(_is_time, map(more.get, _EXPIRIES))):
            return
    raise DecodeError("the answer is no token")


def _is_time(until: object) -> bool:
    return isinstance(until, int) or (isinstance(until, str) and until.isdecimal())


class _Unusable:
    """Stands in for a credential that the variables do not allow; fails when it is used."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        """Raise Permanent, whose message names the variables to correct."""
        raise Permanent(
            Reason.CREDENTIAL_REFUSED,
            f"{self._kind} cannot log in by the AZURE_ variables of the environment: correct "
            "AZURE_TENANT_ID and AZURE_CLIENT_ID, the files that AZURE_FEDERATED_TOKEN_FILE or "
            "AZURE_CLIENT_CERTIFICATE_PATH name, or AZURE_TOKEN_CREDENTIALS.",
        )
