"""Implements the port VaultDirectory for vaults that the settings list."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from requests.utils import get_environ_proxies, select_proxy

from sync.core.model import VaultName
from sync.core.ports import Deadline, Known

_HTTPS = 443


def _look_up(host: str) -> None:
    """Look up a host name; raises OSError. The trailing dot rules out search domains."""
    socket.getaddrinfo(f"{host}.", _HTTPS, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class ListedVaults:
    """The listed vaults, and name servers to ask whether another vault exists."""

    vaults: tuple[VaultName, ...]
    dns_suffix: str = "vault.azure.net"
    look_up: Callable[[str], None] = _look_up

    def known(self, _deadline: Deadline) -> Known:
        """Return the vaults that the settings list."""
        return Known(self.vaults)

    def is_gone(self, vault: str, _deadline: Deadline) -> bool:
        """Return whether the name servers say that the vault's host does not exist.

        False if they do not answer, or if a proxy resolves names in their place. The deadline is
        not used: the system's resolver has its own timeouts.
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
