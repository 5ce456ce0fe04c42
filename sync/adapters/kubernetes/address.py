"""The address of an API server with its login, checked before any call."""

import re
import ssl
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import PoolManager
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, make_headers, parse_url

from sync.adapters.kubernetes.connection import Endpoint
from sync.adapters.wire.read_deadline import with_read_deadline
from sync.adapters.wire.trust import cluster_context, new_cluster_context
from sync.core.errors import Permanent
from sync.core.reasons import Reason

_CONNECTIONS = 16  # that are kept open to each cluster
_HOST = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}", re.ASCII | re.IGNORECASE)


class AddressError(Exception):
    """Why an address cannot be used: a clause about "it" that quotes no secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """An API server's URL and certificate authority, and the login if a kubeconfig has one.

    `ca_pem` None means the system's authorities. `client_pem` is a client certificate with its key.
    `server_name` is the name in the server's certificate if it is not the URL's host. `proxy` None
    means the environment's. `verified` False turns TLS verification off.
    """

    url: str
    ca_pem: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    client_pem: str | None = field(default=None, repr=False)
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    verified: bool = True


def checked(make: Callable[[], Endpoint], what: str, hint: str) -> Endpoint:
    """Return the endpoint that `make` returns; turns its AddressError into Permanent."""
    try:
        return make()
    except AddressError as error:
        problem = str(error)
    raise Permanent(Reason.CLUSTER_CONFIG, f"{what} cannot be used: {problem}. {hint}".rstrip())


def connect(address: Address) -> Endpoint:
    """Return the endpoint, without connecting yet; raises AddressError."""
    name = address.server_name
    if name is not None and not (_HOST.fullmatch(name) and _has_labels(name)):
        raise AddressError("its tls-server-name is no host name")
    try:
        shared = cluster_context(address.ca_pem)
    except (OSError, ValueError, TypeError):
        raise AddressError("its certificate authority is no PEM certificate") from None
    manager = _manager(address, shared)
    manager.connection_pool_kw["ssl_context"] = _own_context(address) or shared
    return Endpoint(address.url, with_read_deadline(manager), address.authorization)


def server_url(text: str) -> str:
    """Return the URL of an API server without a slash at its end; raises AddressError."""
    url = _parsed(text.strip())
    if url is None:
        raise AddressError("its server is no URL of a host and a port from 1 to 65535")
    if url.scheme != "https":
        raise AddressError("its server is a URL without https, so that anyone could read the token")
    if url.auth is not None or url.query is not None or url.fragment is not None:
        raise AddressError("its server has more than host, port and path: put a login into users")
    return text.strip().rstrip("/")


def pem_of(encoded: str) -> str | None:
    """Decode base64 to ASCII, as kubeconfigs store PEM; None if it is something else."""
    try:
        return b64decode("".join(encoded.split()), validate=True).decode("ascii")
    except ValueError:
        return None


def _parsed(text: str) -> Url | None:
    try:
        url = parse_url(text)
    except LocationParseError:
        return None
    usable = url.host and _has_labels(url.host) and url.port != 0 and text.isprintable()
    return url if usable else None


def _has_labels(host: str) -> bool:
    """Return False for a name like `a..b`, for which sockets and TLS raise ValueError."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _manager(address: Address, trust: ssl.SSLContext) -> PoolManager:
    """Return the pool that the kubernetes package makes for the address and its proxy."""
    configuration = Configuration(host=address.url, proxy="", no_proxy="")
    configuration.connection_pool_maxsize = _CONNECTIONS
    configuration.keep_alive = True  # load balancers drop connections that are idle for 4 minutes
    if address.server_name is not None:
        configuration.tls_server_name = address.server_name
    proxy, origin = address.proxy, "its proxy-url"
    if proxy is None:
        proxy, origin = select_proxy(address.url, get_environ_proxies(address.url)), "HTTPS_PROXY"
    if proxy:
        url = _parsed(proxy if "://" in proxy else f"http://{proxy}")
        if url is None or url.scheme not in {"http", "https"}:
            raise AddressError(
                f"{origin} is no http:// or https:// URL, and no other proxy works here"
            )
        login = unquote(url.auth, "latin-1") if url.auth else None
        configuration.proxy = url.url
        configuration.proxy_headers = make_headers(proxy_basic_auth=login)
        configuration.proxy_ssl_context = trust
    return RESTClientObject(configuration).pool_manager


def _own_context(address: Address) -> ssl.SSLContext | None:
    """Return an SSL context for this address alone; None if the shared one will do."""
    if address.verified and address.client_pem is None:
        return None
    context = new_cluster_context(address.ca_pem)
    if not address.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if address.client_pem is not None:
        with TemporaryDirectory() as folder:  # Python loads client certificates only from files
            path = Path(folder) / "client.pem"
            path.write_text(address.client_pem, encoding="ascii")
            try:
                context.load_cert_chain(path, password=_no_password)
            except (OSError, ValueError):
                raise AddressError(
                    "its client certificate and key are no PEM pair that belongs together"
                ) from None
    return context


def _no_password() -> str:
    """Refuse an encrypted key, for which OpenSSL would prompt at the terminal."""
    raise AddressError("its client key is encrypted: decrypt it (openssl pkey -in KEY)")
