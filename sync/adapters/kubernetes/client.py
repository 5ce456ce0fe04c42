"""Sends calls to clusters; renews a refused login, and looks up a cluster that moved, once."""

from collections.abc import Iterable
from http import HTTPStatus

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from sync.adapters.kubernetes.api_errors import unauthorized, unreachable
from sync.adapters.kubernetes.cluster_config import ClusterConfig
from sync.adapters.kubernetes.connection import Answer, Call, Connection
from sync.adapters.kubernetes.login.cluster_login import ClusterLogin
from sync.adapters.kubernetes.login.factory import Azure, ClusterLogins, KubeconfigFiles
from sync.core.ports import Deadline

_MOVED = (SSLError, NewConnectionError, ConnectTimeoutError)


class Clusters:
    """The clusters of the settings, connected at their first call; safe for any number of threads.

    `azure` is needed unless every cluster has a kubeconfig in a file or in the settings.
    """

    def __init__(
        self,
        configs: Iterable[ClusterConfig],
        azure: Azure | None = None,
        files: KubeconfigFiles | None = None,
    ) -> None:
        logins = ClusterLogins(azure, files or KubeconfigFiles())
        self._logins = {config.name: logins.login(config) for config in configs}

    def ask(self, cluster: str, call: Call, deadline: Deadline) -> Answer:
        """Return the cluster's answer, which is never a 401; raises Permanent or Transient."""
        login = self._logins[cluster]
        connection = login.open(deadline)
        try:
            connection, answer = _sent(login, connection, call, deadline)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                connection = login.renewed(connection, deadline)
                answer = connection.send(call, deadline)
        except HTTPError as error:
            failure = unreachable(cluster, connection.endpoint.url, error)
        else:
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            raise unauthorized(cluster, login.remedy)
        raise failure

    def close(self) -> None:
        """Close the connections to every cluster."""
        for login in self._logins.values():
            if endpoint := login.endpoint.value:
                endpoint.pool.clear()


def _sent(
    login: ClusterLogin, connection: Connection, call: Call, deadline: Deadline
) -> tuple[Connection, Answer]:
    """Send the call; if the cluster is not reached, look up its address and send it there."""
    try:
        return connection, connection.send(call, deadline)
    except _MOVED:
        if (moved := login.moved(connection, deadline)) is None:
            raise
    return moved, moved.send(call, deadline)
