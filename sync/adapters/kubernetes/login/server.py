"""Where a cluster is that the settings give by its URL."""

from functools import lru_cache, partial
from pathlib import Path

from sync.adapters.kubernetes.address import Address, AddressError, connect
from sync.adapters.kubernetes.cluster_config import Server
from sync.adapters.kubernetes.connection import Endpoint
from sync.core.errors import Permanent
from sync.core.ports import Deadline
from sync.core.reasons import Reason


class ServerEndpoint:
    """The endpoint of an API server by URL; a certificate authority in a file may be replaced."""

    def __init__(self, name: str, server: Server, concurrency: int) -> None:
        self._name = name
        self._server = server
        self._connect = lru_cache(maxsize=1)(partial(connect, concurrency=concurrency))

    @property
    def may_move(self) -> bool:
        """True if the authority is in a file: a cluster whose certificates were renewed."""
        return isinstance(self._server.ca, Path)

    def fetch(self, _deadline: Deadline) -> Endpoint:
        """Read the authority; raises Permanent."""
        look = ""
        try:
            return self._connect(Address(self._server.url, self._ca_pem()))
        except AddressError as error:
            problem = str(error)
        if isinstance(self._server.ca, Path):
            look = f" Look: openssl x509 -noout -subject -in {self._server.ca}"
        raise Permanent(
            Reason.CLUSTER_CONFIG,
            f"Cluster {self._name} of SYNC_CLUSTERS cannot be connected to: {problem}.{look}",
        )

    def _ca_pem(self) -> str | None:
        ca = self._server.ca
        if not isinstance(ca, Path):
            return ca
        try:
            return ca.expanduser().read_text("ascii")
        except (OSError, ValueError, RuntimeError):
            raise AddressError(f"the file of its ca, {ca}, cannot be read") from None
