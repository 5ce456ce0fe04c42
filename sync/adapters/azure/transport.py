"""The transport for Azure SDK clients: a shared session with limits on each answer."""

from ssl import SSLContext
from typing import TYPE_CHECKING

import requests
from azure.core.exceptions import DecodeError
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout, SSLError
from urllib3 import BaseHTTPResponse, PoolManager, exceptions

from sync.adapters.azure.bounded_retry import CONNECT_SECONDS, READ_SECONDS
from sync.adapters.wire import bounded_body as body
from sync.adapters.wire.read_deadline import with_read_deadline
from sync.adapters.wire.trust import platform_context

if TYPE_CHECKING:
    from requests.adapters import _HostParams, _PoolKwargs


def azure_session(hosts: int, connections: int) -> requests.Session:
    """Return a session that keeps this many connections to each of this many hosts.

    Proxies and trust come from the environment (HTTPS_PROXY, REQUESTS_CA_BUNDLE). The session
    retries nothing: the SDK does.
    """
    session = requests.Session()
    session.auth = _unchanged
    adapter = _Bounded(pool_connections=hosts, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)  # the platform's own token endpoint
    return session


def azure_transport(
    session: requests.Session, read_seconds: float = READ_SECONDS
) -> RequestsTransport:
    """Return a transport over the session, which stays open when a client is closed."""
    return RequestsTransport(
        session=session,
        session_owner=False,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
    )


class _Bounded(HTTPAdapter):
    """Reads each answer within the call's read timeout and up to a size limit.

    All connections share one SSL context; requests would load the authorities for each.
    """

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - the library's signature
        **options: object,
    ) -> None:
        """Make the pools for connections without a proxy."""
        super().init_poolmanager(connections, maxsize, block, **options)
        with_read_deadline(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: object) -> PoolManager:
        """Make the pools for connections through a proxy."""
        if proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = _trust()
        return with_read_deadline(super().proxy_manager_for(proxy, **options))

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,  # noqa: ARG002, FBT001 - likewise
        cert: str | tuple[str, str] | None = None,
    ) -> "tuple[_HostParams, _PoolKwargs]":
        """Choose the pool by host and by the shared SSL context; `verify` is ignored."""
        host, options = super().build_connection_pool_key_attributes(
            request, verify=True, cert=cert
        )
        if host["scheme"] == "https":
            options["ssl_context"] = _trust(request)
        return host, options

    def cert_verify(self, conn: object, url: str, verify: bool | str, cert: object) -> None:  # noqa: FBT001 - likewise
        """Do nothing: what requests sets here would make each connection load the authorities."""

    def build_response(
        self, req: requests.PreparedRequest, resp: BaseHTTPResponse
    ) -> requests.Response:
        """Return the response with its body read; raises what requests raises for a bad body."""
        response = super().build_response(req, resp)
        try:
            response._content = body.whole(resp)  # noqa: SLF001 - as `content` does
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
    """Return the SSL context for Azure; raises what requests raises for a failed handshake."""
    try:
        return platform_context()
    except OSError as error:
        failure = exceptions.SSLError(error)
    raise SSLError(failure, request=request)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from replacing the token with credentials of a .netrc file."""
    return request
