"""Where an AKS cluster is, as Azure Resource Manager says."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sync.adapters.kubernetes.address import Address, checked, connect, server_url
from sync.adapters.kubernetes.connection import Endpoint
from sync.core.ports import Deadline

if TYPE_CHECKING:
    from sync.adapters.azure.aks import ClusterEndpoint

type AskAzure = Callable[[str, Deadline], "ClusterEndpoint"]
"""Returns the endpoint of the AKS cluster with that resource id."""


class AksEndpoint:
    """The endpoint of an AKS cluster; a cluster that is made anew gets another one."""

    may_move = True

    def __init__(self, ask: AskAzure, resource_id: str, concurrency: int) -> None:
        self._ask = ask
        self._resource_id = resource_id
        self._connect = lru_cache(maxsize=1)(partial(connect, concurrency=concurrency))

    def fetch(self, deadline: Deadline) -> Endpoint:
        """Ask Azure; raises Permanent or Transient."""
        answer = self._ask(self._resource_id, deadline)
        return checked(
            lambda: self._connect(Address(server_url(answer.server), answer.ca_pem)),
            f"AKS cluster {self._resource_id}",
            "Azure Resource Manager says so: az aks show --ids RESOURCE-ID",
        )
