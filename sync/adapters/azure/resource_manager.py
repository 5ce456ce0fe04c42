"""Queries Azure Resource Manager, and says what to do about its refusals without quoting them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import HeadersPolicy
from azure.core.rest import HttpRequest, HttpResponse
from requests.exceptions import SSLError

from sync.adapters.azure.bounded_retry import BoundedRetry
from sync.adapters.azure.credential_errors import Credential
from sync.adapters.azure.key_vault_errors import FAULTS
from sync.adapters.azure.throttling import Throttle
from sync.adapters.azure.transport import azure_session, azure_transport
from sync.adapters.wire.retry_after import LONGEST_SECONDS, retry_after
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import FIELD_MANAGER
from sync.core.ports import Deadline
from sync.core.reasons import Reason

if TYPE_CHECKING:
    from azure.mgmt.core import ARMPipelineClient

PUBLIC_CLOUD = "management.azure.com"
_OTHER_CLOUDS = {
    "vault.azure.cn": "management.chinacloudapi.cn",
    "vault.usgovcloudapi.net": "management.usgovcloudapi.net",
}

_CONNECTIONS = 10
_PAGES = 100
_MAY_PASS = frozenset({408, 409, 429})
_BAD_REQUEST, _SERVER_ERROR = 400, 500
_NOTHING_TO_SEE = "NoValidSubscriptionsInQueryRequest"
"""How Resource Graph reports that the app may read none of the subscriptions: inside a 400."""

_QUOTA_RESETS = "x-ms-user-quota-resets-after"


def host_of_cloud(vault_dns_suffix: str) -> str:
    """Return Resource Manager's host in the cloud whose vaults have this DNS suffix."""
    return _OTHER_CLOUDS.get(vault_dns_suffix, PUBLIC_CLOUD)


@dataclass(frozen=True, slots=True)
class Question:
    """A request that changes nothing; `forbidden` and `missing` are remedies for 403 and 404."""

    path: str
    api_version: str
    forbidden: str
    missing: str
    body: Mapping[str, object] | None = None
    method: Literal["GET", "POST"] = "POST"


class ResourceManager:
    """Azure Resource Manager of one cloud; safe for any number of threads.

    The SDK is imported, and a connection made, only when the first question is asked.
    """

    def __init__(self, credential: TokenCredential, host: str = PUBLIC_CLOUD) -> None:
        self._credential = Credential(credential)
        self._host = host
        self._session = azure_session(hosts=1, connections=_CONNECTIONS)
        self._transport = azure_transport(self._session)

    def ask(self, question: Question, deadline: Deadline) -> object:
        """Return the answer's JSON; raises Permanent or Transient."""
        request = HttpRequest(
            question.method,
            f"https://{self._host}{question.path}",
            params={"api-version": question.api_version},
            json=question.body,
        )
        try:
            response = self._client().send_request(request, timeout=deadline.remaining())
            if response.status_code == HTTPStatus.OK:
                answer: object = json.loads(response.content)
                return answer
        except FAULTS as error:
            failure: SyncError = self._unanswered(error)
        else:
            failure = self._refused(question, response)
        raise failure  # outside the except clause: the SDK's exception may hold a body

    def listed(self, question: Question, deadline: Deadline) -> Sequence[object]:
        """Return the entries of every page of a list; raises Permanent or Transient."""
        entries: list[object] = []
        for _ in range(_PAGES):
            match self.ask(question, deadline):
                case {"value": list(page), "nextLink": str(link)} if link:
                    entries += page
                    question = replace(question, path=self._next_page(link))
                case {"value": list(page)}:
                    return entries + page
                case _:
                    raise self.broken("no list")
        raise self.broken(f"a list of more than {_PAGES} pages")

    def _next_page(self, link: str) -> str:
        """Return the path and query of the link; the token goes to no other host."""
        try:
            parts = urlsplit(link)
        except ValueError:
            parts = urlsplit("")
        if (parts.scheme, parts.netloc) != ("https", self._host):
            raise self.broken("a next page at another host")
        return f"{parts.path}?{parts.query}"

    def broken(self, what: str) -> Transient:
        """Return the error for an answer of another shape than the service's."""
        return Transient(
            Reason.RESOURCE_MANAGER_ANSWER_BROKEN,
            f"The answer of https://{self._host} could not be read ({what}). If this stays, look "
            "for a proxy that answers in its place.",
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _client(self) -> "ARMPipelineClient[HttpRequest, HttpResponse]":
        """Make a client for one call: its token policy is not safe for several threads.

        The credential caches tokens, the session keeps connections.
        """
        from azure.mgmt.core import (  # noqa: PLC0415 - 20 ms that most cold starts do not need
            ARMPipelineClient,
        )
        from azure.mgmt.core.policies import (  # noqa: PLC0415 - likewise
            ARMChallengeAuthenticationPolicy,
        )

        scope = f"https://{self._host}/.default"
        return ARMPipelineClient(
            f"https://{self._host}",
            transport=self._transport,
            policies=[
                HeadersPolicy({"Accept": "application/json", "User-Agent": FIELD_MANAGER}),
                BoundedRetry(
                    Throttle(), _wait
                ),  # limits differ between questions, so no call waits for another's
                ARMChallengeAuthenticationPolicy(self._credential, scope),
            ],
        )

    def _unanswered(self, error: Exception) -> Transient:
        if not isinstance(error, (ServiceRequestError, ServiceResponseError)):
            return self.broken(type(error).__name__)
        what = (
            "the TLS handshake failed: if a proxy opens TLS on the way, put its authority into "
            "the file that REQUESTS_CA_BUNDLE names"
            if _is_about_tls(error)
            else f"{type(error).__name__}; this may pass. If it stays, check DNS, HTTPS_PROXY and "
            "the network's outbound rules"
        )
        return Transient(
            Reason.RESOURCE_MANAGER_UNREACHABLE, f"https://{self._host} could not be asked: {what}."
        )

    def _refused(self, question: Question, response: HttpResponse) -> SyncError:
        status = response.status_code
        said = f"https://{self._host} answered with HTTP status {status}."
        if status in _MAY_PASS or status >= _SERVER_ERROR:
            throttled = status == HTTPStatus.TOO_MANY_REQUESTS
            return Transient(
                Reason.RESOURCE_MANAGER_THROTTLED
                if throttled
                else Reason.RESOURCE_MANAGER_UNAVAILABLE,
                f"{said} This may pass.",
                _wait(response.headers),
            )
        codes = _codes(response)
        if status < _BAD_REQUEST or not codes:
            return self.broken(f"HTTP status {status} without an error code")
        if status == HTTPStatus.FORBIDDEN or _NOTHING_TO_SEE in codes:
            return Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, f"{said} {question.forbidden}")
        match status:
            case HTTPStatus.UNAUTHORIZED:
                return Permanent(
                    Reason.RESOURCE_MANAGER_UNAUTHORIZED,
                    f"{said} It does not accept the app's token: check that the identity is of "
                    "the subscription's tenant (az account show --query tenantId), and that "
                    "AZURE_AUTHORITY_HOST and SYNC_VAULT_DNS_SUFFIX are of the same cloud.",
                )
            case HTTPStatus.NOT_FOUND:
                return Permanent(Reason.RESOURCE_MISSING, f"{said} {question.missing}")
            case _:
                return Permanent(Reason.RESOURCE_MANAGER_REFUSED, f"{said} Please report it.")


def _is_about_tls(error: AzureError) -> bool:
    return isinstance(error.inner_exception, SSLError)


def _codes(response: HttpResponse) -> list[str]:
    """Return the error code and its first detail's code; empty for a body without a code."""
    try:
        answer: object = json.loads(response.content)
    except (ValueError, RecursionError):
        return []
    match answer:
        case {"error": {"code": str(code), "details": [{"code": str(detail)}, *_]}}:
            return [code, detail]
        case {"error": {"code": str(code)}}:
            return [code]
        case _:
            return []


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait; Resource Graph may say them as hh:mm:ss in its own header."""
    if (told := retry_after(headers)) is not None:
        return told
    match headers.get(_QUOTA_RESETS, "").split(":"):
        case [hours, minutes, seconds] as parts if all(map(str.isdecimal, parts)):
            return min(float(hours) * 3600 + float(minutes) * 60 + float(seconds), LONGEST_SECONDS)
        case _:
            return None
