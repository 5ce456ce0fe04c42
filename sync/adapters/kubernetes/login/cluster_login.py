"""The way to one cluster: its API server, and the login that it takes."""

from dataclasses import dataclass

from sync.adapters.kubernetes.connection import Connection, Endpoint
from sync.adapters.kubernetes.login.cached import Cached
from sync.adapters.kubernetes.login.sources import Token
from sync.core.errors import SyncError
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class ClusterLogin:
    """The endpoint of a cluster and the token for it; without a token the endpoint has its own.

    `remedy` says what to do if the login is refused; `may_move` is the endpoint source's.
    """

    endpoint: Cached[Endpoint]
    token: Cached[Token] | None
    remedy: str
    may_move: bool

    def open(self, deadline: Deadline) -> Connection:
        """Return the connection of the moment; raises Permanent or Transient."""
        return self._connection(self.endpoint.get(deadline), deadline)

    def renewed(self, refused: Connection, deadline: Deadline) -> Connection:
        """Return a connection with another login than the one that was refused."""
        if self.token is None:
            return self._connection(self.endpoint.replace(refused.endpoint, deadline), deadline)
        token = self.token.get(deadline)
        if token.header == refused.authorization:
            token = self.token.replace(token, deadline)
        return Connection(self.endpoint.get(deadline), token.header)

    def moved(self, failed: Connection, deadline: Deadline) -> Connection | None:
        """Return a connection to where the cluster is by now; None if that is not known."""
        if not self.may_move:
            return None
        try:
            endpoint = self.endpoint.replace(failed.endpoint, deadline)
            return None if endpoint == failed.endpoint else self._connection(endpoint, deadline)
        except SyncError:  # the failure at hand is the one to tell of
            return None

    def _connection(self, endpoint: Endpoint, deadline: Deadline) -> Connection:
        header = self.token.get(deadline).header if self.token else endpoint.authorization
        return Connection(endpoint, header)
