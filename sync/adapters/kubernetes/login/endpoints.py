"""Finds the API servers that Azure Resource Manager knows, and those that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sync.adapters.kubernetes.address import Address, AddressError, checked, connect, server_url
from sync.adapters.kubernetes.cluster_config import Server
from sync.adapters.kubernetes.connection import Endpoint
from sync.core.ports import Deadline

if TYPE_CHECKING:
    from sync.adapters.azure.aks import ClusterEndpoint

type AskAzure = Callable[[str, Deadline], "ClusterEndpoint"]
"""Returns the endpoint of the AKS cluster with that resource id."""


@dataclass(frozen=True, slots=True)
class EndpointSource:
    """Where the address of an API server is found.

    `fetch` returns an equal endpoint while nothing changed; it raises Permanent or Transient.
    `may_move` is true if another fetch may find the address or its certificate authority changed.
    """

    fetch: Callable[[Deadline], Endpoint]
    may_move: bool


def aks_endpoint(ask: AskAzure, resource_id: str) -> EndpointSource:
    """Return the source that asks Azure; a cluster that was made anew has another endpoint."""
    cached = lru_cache(maxsize=1)(connect)

    def fetch(deadline: Deadline) -> Endpoint:
        answer = ask(resource_id, deadline)
        return checked(
            lambda: cached(Address(server_url(answer.server), answer.ca_pem)),
            f"AKS cluster {resource_id}",
            "Azure Resource Manager says so: az aks show --ids RESOURCE-ID",
        )

    return EndpointSource(fetch, may_move=True)


def server_endpoint(name: str, server: Server) -> EndpointSource:
    """Return the source for a URL; it reads a certificate authority in a file at each fetch."""
    cached = lru_cache(maxsize=1)(connect)
    ca = server.ca
    hint = f"Look: openssl x509 -noout -subject -in {ca}" if isinstance(ca, Path) else ""

    def fetch(_deadline: Deadline) -> Endpoint:
        return checked(
            lambda: cached(Address(server.url, _content(ca))),
            f"Cluster {name} of SYNC_CLUSTERS",
            hint,
        )

    return EndpointSource(fetch, may_move=isinstance(ca, Path))


def _content(ca: str | Path | None) -> str | None:
    if not isinstance(ca, Path):
        return ca
    try:
        return ca.expanduser().read_text("ascii")
    except (OSError, ValueError, RuntimeError):
        raise AddressError(f"the file of its ca, {ca}, cannot be read") from None
