"""The transport that clients of the Azure SDK share: one session, its connections kept."""

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from sync.adapters.bounded_retry import READ_SECONDS

_CONNECT_SECONDS = 3.0


def azure_session(hosts: int, connections: int) -> requests.Session:
    """Return a session that keeps connections to so many hosts, so many to each.

    Proxies and trust are the environment's (HTTPS_PROXY, REQUESTS_CA_BUNDLE). Nothing is retried:
    that is the SDK's.
    """
    session = requests.Session()
    session.auth = _as_it_is
    adapter = HTTPAdapter(pool_connections=hosts, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    return session


def azure_transport(session: requests.Session) -> RequestsTransport:
    """Return a transport over the session; closing one of its clients leaves that open."""
    return RequestsTransport(
        session=session,
        session_owner=False,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
    )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from replacing the token by what a .netrc has for the host."""
    return request
