"""Where a cluster is that the settings give by its URL."""

from functools import lru_cache, partial
from pathlib import Path

from sync.adapters.kubernetes.address import Address, AddressError, checked, connect
from sync.adapters.kubernetes.cluster_config import Server
from sync.adapters.kubernetes.connection import Endpoint
from sync.core.ports import Deadline


class ServerEndpoint:
    """The endpoint of an API server by URL; a certificate authority in a file may be replaced."""

    def __init__(self, name: str, server: Server, concurrency: int) -> None:
        self._name = name
        self._server = server
        self._connect = lru_cache(maxsize=1)(partial(connect, concurrency=concurrency))
        self.may_move = isinstance(server.ca, Path)

    def fetch(self, _deadline: Deadline) -> Endpoint:
        """Read the authority; raises Permanent."""
        ca = self._server.ca
        return checked(
            lambda: self._connect(Address(self._server.url, _content(ca))),
            f"Cluster {self._name} of SYNC_CLUSTERS",
            f"Look: openssl x509 -noout -subject -in {ca}" if isinstance(ca, Path) else "",
        )


def _content(ca: str | Path | None) -> str | None:
    if not isinstance(ca, Path):
        return ca
    try:
        return ca.expanduser().read_text("ascii")
    except (OSError, ValueError, RuntimeError):
        raise AddressError(f"the file of its ca, {ca}, cannot be read") from None
