"""Knows the vaults that the settings list, and asks name servers whether another one exists."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from requests.utils import get_environ_proxies, select_proxy

from sync.core.model import VaultName
from sync.core.ports import Deadline, Known

_HTTPS = 443


def _look_up(host: str) -> None:
    """Look a host name up; raises OSError. The last dot keeps search domains away from it."""
    socket.getaddrinfo(f"{host}.", _HTTPS, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class ListedVaults:
    """The port VaultDirectory where no search is asked for."""

    vaults: tuple[VaultName, ...]
    dns_suffix: str = "vault.azure.net"
    look_up: Callable[[str], None] = _look_up

    def known(self, _deadline: Deadline) -> Known:
        """Return the vaults that the settings list."""
        return Known(self.vaults)

    def is_gone(self, vault: str, _deadline: Deadline) -> bool:
        """Tell whether the name servers say that the vault's host does not exist.

        A name server that does not answer says nothing, nor does ours where a proxy looks the
        names up. The system's resolver has its own timeouts.
        """
        host = f"{vault}.{self.dns_suffix}"
        url = f"https://{host}"
        if select_proxy(url, get_environ_proxies(url)) is not None:
            return False
        try:
            self.look_up(host)
        except OSError as error:
            return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
        return False
