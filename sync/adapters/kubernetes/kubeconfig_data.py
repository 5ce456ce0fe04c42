"""Parses a kubeconfig as data: a server, its authority, and a token or client certificate.

Programs and files that it names are neither run nor read, so write access to a kubeconfig gives no
access beyond its cluster.
"""

from collections.abc import Mapping

import yaml

from sync.adapters.kubernetes.address import Address, AddressError, pem_of, server_url
from sync.adapters.wire.bearer import bearer
from sync.adapters.wire.safe_yaml import read_yaml

UNREADABLE = "it cannot be read, or lacks the context, its cluster or its user"

_REFUSED: Mapping[str, str] = {
    "exec": "it runs a program to log in",
    "auth-provider": "it logs in by a plugin",
    "tokenFile": "its token is in another file",
    "client-certificate": "its client certificate is in another file",
    "client-key": "its client key is in another file",
    "certificate-authority": "its certificate authority is in another file",
    "password": "it logs in with a password",
    "as": "it acts as somebody else",
}
_INSTEAD = (
    "The app takes a token, or client-certificate-data with client-key-data, and "
    "certificate-authority-data; or give the cluster as aks or server, with the app's own Entra "
    "log-in (docs/clusters.md)"
)
_FAULTS = (yaml.YAMLError, ValueError, ArithmeticError, RecursionError)

type _Entry = Mapping[str, object]


def parse(text: str, context: str | None) -> Address:
    """Return the address that the kubeconfig's context leads to; raises AddressError."""
    document = _document(text)
    chosen = _named(document, "contexts", context or document.get("current-context"))
    cluster = _named(document, "clusters", chosen.get("cluster"))
    user = _named(document, "users", chosen.get("user"))
    for key, problem in _REFUSED.items():
        if cluster.get(key) or user.get(key):
            raise AddressError(f"{problem} ({key}). {_INSTEAD}")
    client = _pem(user, "client-certificate-data"), _pem(user, "client-key-data")
    if (client[0] is None) != (client[1] is None):
        raise AddressError("it has one of client-certificate-data and client-key-data alone")
    authorization = token_header(_text(user, "token") or "")
    if client[0] is None and authorization is None:
        raise AddressError(f"its user has no login. {_INSTEAD}")
    return Address(
        url=server_url(_text(cluster, "server") or ""),
        ca_pem=_pem(cluster, "certificate-authority-data"),
        authorization=authorization,
        client_pem="\n".join(filter(None, client)) or None,
        server_name=_text(cluster, "tls-server-name"),
        proxy=_text(cluster, "proxy-url"),
        verified=cluster.get("insecure-skip-tls-verify") is not True,
    )


def token_header(token: str) -> str | None:
    """Return the Authorization header for a token, None for an empty one; raises AddressError."""
    header = bearer(token)
    if header is None and token.strip():
        raise AddressError("its token is not one line of ASCII without blanks")
    return header


def _document(text: str) -> _Entry:
    try:
        document = read_yaml(text)
    except _FAULTS:
        document = None
    if isinstance(document, dict):
        return document
    raise AddressError(UNREADABLE)


def _named(document: _Entry, section: str, name: object) -> _Entry:
    """Return the content of a named entry, as `user` in `users: [{name, user}]`."""
    entries = document.get(section)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(name, str) and entry.get("name") == name:
            content = entry.get(section.removesuffix("s"))
            if isinstance(content, dict):
                return content
    raise AddressError(UNREADABLE)


def _text(entry: _Entry, key: str) -> str | None:
    value = entry.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise AddressError(f"its {key} is no text: put it into quotes")
    return value


def _pem(entry: _Entry, key: str) -> str | None:
    encoded = _text(entry, key)
    if encoded is None:
        return None
    pem = pem_of(encoded)
    if pem is None:
        raise AddressError(f"its {key} is no base64 of PEM")
    return pem
