"""Sends calls to an API server over a pool of connections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import ProtocolError

from sync.adapters.wire import bounded_body as body
from sync.core.model import FIELD_MANAGER
from sync.core.ports import Deadline

_CONNECT_SECONDS = 3.0
_WHOLE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an API server; `body` may hold secret values."""

    method: str
    path: str
    content_type: str = ""
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response of an API server; `data` may hold secret values."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server with its pool of connections; endpoints with different pools differ.

    `authorization` is the Authorization header of a kubeconfig; None if tokens come from elsewhere
    or the app logs in with a client certificate. The endpoint is looked up again from `renew_at` on
    and not used after `expires_at`, both in epoch seconds.
    """

    url: str
    pool: PoolManager = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    renew_at: float = field(default=inf, compare=False)
    expires_at: float = field(default=inf, compare=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """An endpoint with the current Authorization header."""

    endpoint: Endpoint
    authorization: str | None = field(repr=False)

    def send(self, call: Call, deadline: Deadline) -> Answer:
        """Send the call, and once more if a kept connection was closed; raises urllib3's HTTPError.

        Repeating a write is safe: if the first was accepted, the precondition of the second fails.
        """
        try:
            return self._exchange(call, deadline)
        except ProtocolError:
            return self._exchange(call, deadline)

    def _exchange(self, call: Call, deadline: Deadline) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        if self.authorization:
            headers["Authorization"] = self.authorization
        response = self.endpoint.pool.request(
            call.method,
            f"{self.endpoint.url}{call.path}",
            body=call.body,
            headers=headers,
            timeout=Timeout(
                deadline.remaining(_WHOLE_SECONDS), connect=deadline.remaining(_CONNECT_SECONDS)
            ),
            retries=False,
            redirect=False,  # a token goes to no other host
            preload_content=False,
        )
        try:
            return Answer(response.status, response.headers, body.whole(response))
        finally:
            response.release_conn()
