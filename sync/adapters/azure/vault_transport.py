"""The transport of the vaults' client: urllib3's pools, one SSL context for all of them.

What requests and the SDK's own transport do to each call costs more than the call.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Self, override
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import (
    AzureError,
    DecodeError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager, Retry, Timeout, exceptions
from urllib3.util import make_headers

from sync.adapters.azure.bounded_retry import CONNECT_SECONDS, READ_SECONDS
from sync.adapters.wire import bounded_body as body
from sync.adapters.wire.read_deadline import with_read_deadline
from sync.adapters.wire.trust import platform_context

_HTTPS = 443
_ONCE = Retry(total=False, redirect=0)  # the SDK's pipeline retries, and no redirect is followed
_HOSTS_REMEMBERED = 1024


class Whole:
    """An answer that was read whole, as much of it as the pipeline and its callers need."""

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content


class VaultTransport(HttpTransport[HttpRequest, Whole]):
    """Sends to vaults over TLS; keeps connections to so many hosts, so many to each.

    Proxies and trust come from the environment, as requests reads it (HTTPS_PROXY, NO_PROXY,
    REQUESTS_CA_BUNDLE). A client that is closed leaves it open: `hang_up` closes the connections.
    """

    def __init__(self, hosts: int, connections: int) -> None:
        self._hosts = hosts
        self._connections = connections
        self._managers: dict[str | None, PoolManager] = {}
        self._proxy_of: Callable[[str], str | None] = lru_cache(_HOSTS_REMEMBERED)(_proxy)

    @override
    def send(
        self,
        request: HttpRequest,
        *,
        connection_timeout: float = CONNECT_SECONDS,
        read_timeout: float = READ_SECONDS,
        **kwargs: object,
    ) -> Whole:
        """Send the request and read the whole answer; raises AzureError."""
        url = urlsplit(request.url)
        try:
            response = self._pool(url.hostname or "", url.port or _HTTPS).urlopen(
                request.method,
                f"{url.path}?{url.query}",
                body=request.content,
                headers=request.headers,
                timeout=Timeout(connect=connection_timeout, read=read_timeout),
                retries=_ONCE,
                redirect=False,
                preload_content=False,
            )
            try:
                return Whole(response.status, response.headers, body.whole(response))
            except exceptions.ProtocolError as error:  # it was cut
                failure: AzureError = IncompleteReadError(error, error=error)
            finally:
                response.release_conn()
        except body.AnswerTooLarge:
            failure = DecodeError("the answer is too large")
        except exceptions.HTTPError as error:
            failure = _failure(error)
        except OSError as error:  # the authorities cannot be read
            failure = ServiceRequestError(error, error=exceptions.SSLError(error))
        raise failure

    def _pool(self, host: str, port: int) -> HTTPConnectionPool:
        proxy = self._proxy_of(host)
        manager = self._managers.get(proxy)
        if manager is None:
            made = with_read_deadline(self._manager(proxy))
            manager = self._managers.setdefault(proxy, made)
        # A context that was loaded again, since its bundle was replaced, has pools of its own.
        options = {"ssl_context": platform_context()}
        return manager.connection_from_host(host, port, "https", pool_kwargs=options)

    def _manager(self, proxy: str | None) -> PoolManager:
        if proxy is None:
            return PoolManager(self._hosts, maxsize=self._connections)
        url = proxy if "://" in proxy else f"http://{proxy}"
        parts = urlsplit(url)
        login = (
            f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        )
        return ProxyManager(
            url,
            self._hosts,
            maxsize=self._connections,
            proxy_headers=make_headers(proxy_basic_auth=login),
            proxy_ssl_context=platform_context() if parts.scheme == "https" else None,
        )

    def hang_up(self) -> None:
        """Close every connection."""
        for manager in self._managers.values():
            manager.clear()

    @override
    def open(self) -> None:
        """Do nothing: a connection is opened when it is needed."""

    @override
    def close(self) -> None:
        """Do nothing."""

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        pass


def _proxy(host: str) -> str | None:
    """Return the URL of the proxy to a host, by the environment."""
    url = f"https://{host}/"
    return select_proxy(url, get_environ_proxies(url, no_proxy=None))


_FAILURES: tuple[tuple[type[exceptions.HTTPError], Callable[..., AzureError]], ...] = (
    (exceptions.DecodeError, DecodeError),
    (exceptions.NewConnectionError, ServiceRequestError),
    (exceptions.ConnectTimeoutError, ServiceRequestTimeoutError),
    (exceptions.ReadTimeoutError, ServiceResponseTimeoutError),
    (exceptions.ProtocolError, ServiceResponseError),
)
"""What the SDK's own transports raise, and the retry policy goes by."""


def _failure(error: exceptions.HTTPError) -> AzureError:
    for kind, failure in _FAILURES:
        if isinstance(error, kind):
            return failure(error, error=error)
    return ServiceRequestError(error, error=error)
