"""Sends requests to vaults through the Azure SDK: a client for each vault, one transport."""

import threading
from collections.abc import Callable
from http import HTTPStatus

from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RedirectPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.keyvault.secrets import SecretClient

from sync.adapters.azure.bounded_retry import BoundedRetry
from sync.adapters.azure.credential_errors import Credential
from sync.adapters.azure.key_vault_errors import FAULTS, explain
from sync.adapters.azure.throttling import Throttle
from sync.adapters.azure.vault_host import Answer, VaultHost
from sync.adapters.wire.locks import held
from sync.core.ports import Deadline

_API_VERSION = "7.4"


class VaultClients:
    """Sends requests; safe for any number of threads. `clock` returns monotonic seconds."""

    def __init__(
        self, credential: TokenCredential, transport: RequestsTransport, clock: Callable[[], float]
    ) -> None:
        self._credential = Credential(credential)
        self._transport = transport
        self._clock = clock
        self._throttle = Throttle(clock)
        self._opened: dict[str, _FirstUse] = {}

    def ask(
        self, host: VaultHost, url: str, deadline: Deadline, body: bytes | None = None
    ) -> Answer:
        """Return the vault's answer, whatever its status; raises Permanent or Transient.

        It is asked by GET, or by PUT with a body of JSON. `url` may be relative to the vault. A
        client is kept only once its vault has answered with
        200: events can name any number of vaults that do not exist.
        """
        name = host.vault.text
        client = self._opened.get(name)
        # Two threads may both make a client; setdefault gives both the same one.
        client = client or self._opened.setdefault(name, _FirstUse(self._client(host)))
        try:
            self._throttle.check(str(host), deadline.remaining())
            return client.ask(lambda client: self._sent(client, url, deadline, body), deadline)
        except FAULTS as error:
            failure = explain(error, host)
        finally:
            if not client.opened:
                self._opened.pop(name, None)
        raise failure  # outside the except clause: the SDK's exception may hold a body

    def _sent(
        self, client: SecretClient, url: str, deadline: Deadline, body: bytes | None
    ) -> Answer:
        token_sent = False

        def note(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
            nonlocal token_sent
            token_sent = token_sent or "Authorization" in response.http_request.headers

        began = self._clock()
        response = client.send_request(
            _request(url, body),
            stream=True,  # else the SDK decodes the body, and logs what is no JSON
            timeout=deadline.remaining(),
            raw_response_hook=note,
        )
        content = response.read()
        seconds = self._clock() - began
        return Answer(response.status_code, response.headers, content, token_sent, seconds)

    def _client(self, host: VaultHost) -> SecretClient:
        return SecretClient(
            f"https://{host}",
            self._credential,
            api_version=_API_VERSION,
            transport=self._transport,
            retry_policy=BoundedRetry(self._throttle),
            redirect_policy=RedirectPolicy.no_redirects(),  # a token goes to no other host
            logging_policy=SansIOHTTPPolicy(),  # the SDK's own can log bodies
        )


def _request(url: str, body: bytes | None) -> HttpRequest:
    headers = {"Accept": "application/json"}
    if body is None:
        return HttpRequest("GET", url, headers=headers)
    headers["Content-Type"] = "application/json"
    return HttpRequest("PUT", url, headers=headers, content=body)


class _FirstUse:
    """A vault's client, which one thread uses alone until the first success.

    The SDK's challenge policy drops its token on every 401 and reads it without a lock: threads
    that meet the vault's first challenge together make each other fail with AttributeError.
    """

    def __init__(self, client: SecretClient) -> None:
        self._client = client
        self._first = threading.Lock()
        self.opened = False

    def ask(self, send: Callable[[SecretClient], Answer], deadline: Deadline) -> Answer:
        """Return the answer of `send`; raises Transient if the client is not free in time."""
        if not self.opened:
            with held(self._first, deadline):
                if not self.opened:
                    answer = send(self._client)
                    self.opened = answer.token_sent and answer.status == HTTPStatus.OK
                    return answer
        return send(self._client)
