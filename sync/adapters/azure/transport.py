"""The transport that clients of the Azure SDK share: one session, its connections kept."""

from collections.abc import Mapping
from ssl import SSLContext
from typing import TYPE_CHECKING

import requests
from azure.core.exceptions import DecodeError
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout, SSLError
from urllib3 import PoolManager, exceptions

from sync.adapters.azure.bounded_retry import READ_SECONDS
from sync.adapters.wire import bounded_body as body
from sync.adapters.wire.read_deadline import with_read_deadline
from sync.adapters.wire.trust import platform_context

if TYPE_CHECKING:
    from requests.adapters import _HostParams, _PoolKwargs

_CONNECT_SECONDS = 3.0


def azure_session(hosts: int, connections: int) -> requests.Session:
    """Return a session that keeps connections to so many hosts, so many to each.

    Proxies and trust are the environment's (HTTPS_PROXY, REQUESTS_CA_BUNDLE). Nothing is retried:
    that is the SDK's.
    """
    session = requests.Session()
    session.auth = _as_it_is
    adapter = _Bounded(pool_connections=hosts, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)  # the platform's own token endpoint
    return session


def azure_transport(
    session: requests.Session, read_seconds: float = READ_SECONDS
) -> RequestsTransport:
    """Return a transport over the session; closing one of its clients leaves that open."""
    return RequestsTransport(
        session=session,
        session_owner=False,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=read_seconds,
    )


class _Bounded(HTTPAdapter):
    """Reads each answer within the time that the call has for its reading, and no endless one.

    All connections share the platform's one trust; requests would load it for each of them.
    """

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - the library's signature
        **options: object,
    ) -> None:
        """Make the pools of all connections without a proxy."""
        super().init_poolmanager(connections, maxsize, block, **options)
        with_read_deadline(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: object) -> PoolManager:
        """Make the pools of those by a proxy."""
        if proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = _trust()
        return with_read_deadline(super().proxy_manager_for(proxy, **options))

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,  # noqa: ARG002, FBT001 - likewise
        cert: str | tuple[str, str] | None = None,
    ) -> "tuple[_HostParams, _PoolKwargs]":
        """Choose the pool by its host and by the platform's trust, of which the caller has none."""
        host, options = super().build_connection_pool_key_attributes(
            request, verify=True, cert=cert
        )
        if host["scheme"] == "https":
            options["ssl_context"] = _trust(request)
        return host, options

    def cert_verify(self, conn: object, url: str, verify: bool | str, cert: object) -> None:  # noqa: FBT001 - likewise
        """Do nothing: what requests sets here makes the connection load the authorities again."""

    def send(  # noqa: PLR0913, PLR0917 - likewise
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - likewise
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - likewise
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send the request; raises what `Session.send` does where it reads the body."""
        response = super().send(
            request, stream=True, timeout=timeout, verify=verify, cert=cert, proxies=proxies
        )
        try:
            response._content = body.whole(response.raw)  # noqa: SLF001 - as `content` does
        except body.AnswerTooLarge:
            failure: Exception = DecodeError("the answer is too large")
        except exceptions.TimeoutError as error:
            failure = ReadTimeout(error)
        except exceptions.DecodeError as error:
            failure = ContentDecodingError(error)
        except exceptions.HTTPError as error:
            failure = ChunkedEncodingError(error)
        else:
            response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - likewise
            return response
        raise failure


def _trust(request: requests.PreparedRequest | None = None) -> SSLContext:
    """Return the platform's trust; raises what requests does where a handshake fails."""
    try:
        return platform_context()
    except OSError as error:
        failure = exceptions.SSLError(error)
    raise SSLError(failure, request=request)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from replacing the token by what a .netrc has for the host."""
    return request
