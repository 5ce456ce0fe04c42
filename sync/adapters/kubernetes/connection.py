"""Sends a call to an API server: the pool of connections, whom it trusts, and when it repeats."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3 import Timeout
from urllib3.exceptions import ProtocolError
from urllib3.util.ssl_ import create_urllib3_context

from sync.adapters.wire import bounded_body as body
from sync.adapters.wire.read_deadline import with_read_deadline
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


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """An API server, ready to be asked."""

    url: str
    pool: urllib3.PoolManager = field(repr=False)
    authorization: Callable[[Deadline], str | None] = field(
        default=lambda _deadline: None, repr=False
    )
    """Gives the kubeconfig's Authorization header, None where it has no token."""


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


def pool(configuration: Configuration, concurrency: int) -> urllib3.PoolManager:
    """Return the pool that the kubernetes package makes; `concurrency` connections are kept."""
    configuration.connection_pool_maxsize = concurrency
    configuration.keep_alive = True  # a load balancer forgets connections idle for 4 minutes
    made = with_read_deadline(RESTClientObject(configuration).pool_manager)
    made.connection_pool_kw["ssl_context"] = _trust(configuration)
    return made


def address(url: str, ca_pem: str | None, concurrency: int) -> Endpoint:
    """Return the endpoint at that URL; without an authority the system's are trusted."""
    configuration = Configuration()
    configuration.host = url.rstrip("/")
    configuration.ca_cert_data = ca_pem
    return Endpoint(configuration.host, pool(configuration, concurrency))


def _trust(configuration: Configuration) -> ssl.SSLContext:
    """Verify as kubectl does: Python 3.13 refuses authorities that old clusters made themselves."""
    context = create_urllib3_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if not configuration.ssl_ca_cert and not configuration.ca_cert_data:
        context.load_default_certs()
    return context
