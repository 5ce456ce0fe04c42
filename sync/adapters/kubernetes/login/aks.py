"""Where an AKS cluster is, as Azure Resource Manager says."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sync.adapters.kubernetes.address import Address, AddressError, connect, server_url
from sync.adapters.kubernetes.connection import Endpoint
from sync.core.errors import Permanent
from sync.core.ports import Deadline
from sync.core.reasons import Reason

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
        found = self._ask(self._resource_id, deadline)
        try:
            return self._connect(Address(server_url(found.server), found.ca_pem))
        except AddressError as error:
            problem = str(error)
        raise Permanent(
            Reason.CLUSTER_CONFIG,
            f"AKS cluster {self._resource_id} cannot be connected to: {problem}.",
        )
