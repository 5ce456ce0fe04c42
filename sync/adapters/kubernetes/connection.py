"""Sends a call to an API server over a pool of connections, and says when it is repeated."""

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
    """A request to an API server; the body may hold values."""

    method: str
    path: str
    content_type: str = ""
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API server answers, whole; `data` may hold values."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server, ready to be asked; another pool makes another endpoint.

    `authorization` is the header of its own login, None where tokens come from elsewhere or a
    client certificate speaks for us. From `renew_at` on, in epoch seconds, it is looked up again.
    """

    url: str
    pool: PoolManager = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    renew_at: float = field(default=inf, compare=False)
    expires_at: float = field(default=inf, compare=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """An endpoint, and the Authorization header of the moment."""

    endpoint: Endpoint
    authorization: str | None = field(repr=False)

    def send(self, call: Call, deadline: Deadline) -> Answer:
        """Send the call once, or twice where a kept connection turns out to be closed.

        A write may be repeated, too: had the first one been accepted, its precondition would fail.
        Raises urllib3's HTTPError.
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
