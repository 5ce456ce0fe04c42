"""Combines a cluster's endpoint and token into a connection."""

from dataclasses import dataclass

from sync.adapters.kubernetes.connection import Connection, Endpoint
from sync.adapters.wire.bearer import Token
from sync.adapters.wire.cached import Cached
from sync.core.errors import SyncError
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class ClusterLogin:
    """A cluster's endpoint and its token; `token` None means that the endpoint has a login.

    `remedy` says what to do if the login is refused. `may_move` is that of the endpoint's source.
    """

    endpoint: Cached[Endpoint]
    token: Cached[Token] | None
    remedy: str
    may_move: bool

    def open(self, deadline: Deadline) -> Connection:
        """Return the current connection; raises Permanent or Transient."""
        return self._connection(self.endpoint.get(deadline), deadline)

    def renewed(self, refused: Connection, deadline: Deadline) -> Connection:
        """Return a connection with a login newer than the refused one, if there is one."""
        if self.token is None:
            return self._connection(self.endpoint.replace(refused.endpoint, deadline), deadline)
        token = self.token.get(deadline)
        if token.header == refused.authorization:
            token = self.token.replace(token, deadline)
        return Connection(self.endpoint.get(deadline), token.header)

    def moved(self, failed: Connection, deadline: Deadline) -> Connection | None:
        """Return a connection to the cluster's new endpoint; None if no other one is found."""
        if not self.may_move:
            return None
        try:
            endpoint = self.endpoint.replace(failed.endpoint, deadline)
            return None if endpoint == failed.endpoint else self._connection(endpoint, deadline)
        except SyncError:  # the caller reports the failure it already has
            return None

    def _connection(self, endpoint: Endpoint, deadline: Deadline) -> Connection:
        header = self.token.get(deadline).header if self.token else endpoint.authorization
        return Connection(endpoint, header)
