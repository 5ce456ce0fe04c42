"""All the vaults of the local stack, found by name or by host."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.key_vault.access import Access
from local.key_vault.events import EventSource, Publish
from local.key_vault.faults import Faults
from local.key_vault.vault import Vault

SUFFIX = ".vault.azure.net"
RESOURCE = "https://vault.azure.net"
TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
_NAME = re.compile(r"(?!.*--)[a-zA-Z][0-9a-zA-Z-]{1,22}[0-9a-zA-Z]")


def _unheard(_event: dict[str, object]) -> None:
    """Discard an event."""


@dataclass(slots=True)
class KeyVaults:
    """The vaults and their shared token check; their responses are dated by `clock`.

    `publish` gets every event on the thread that caused it, for example the server's loop: it
    should pass the event on and return. `token_valid` returns whether a bearer token is valid for
    Key Vault.
    """

    clock: Callable[[], float] = time.time
    publish: Publish = _unheard
    token_valid: Callable[[str], bool] = bool
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _vaults: dict[str, Vault] = field(default_factory=dict)

    def create(
        self, name: str, subscription: str, resource_group: str = "rg", tenant: str = TENANT
    ) -> Vault:
        """Create an empty vault; raises `ValueError` for a name that Azure would refuse."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no vault name: 3 to 24 letters, digits, single hyphens")
        resource_id = (
            f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
            f"/providers/Microsoft.KeyVault/vaults/{name}"
        )
        events = EventSource(
            resource_id, f"https://{name.lower()}{SUFFIX}", self.clock, self.publish
        )
        vault = Vault(name, tenant, Access(resource_id), Faults(self.clock), events, self.clock)
        with self._lock:
            if name.lower() in self._vaults:
                raise ValueError(f"there is a vault named {name} already")
            self._vaults[name.lower()] = vault
        return vault

    def remove(self, name: str) -> None:
        """Remove a vault with all its contents."""
        with self._lock:
            del self._vaults[name.lower()]

    def __getitem__(self, name: str) -> Vault:
        with self._lock:
            return self._vaults[name.lower()]

    def at(self, host: str) -> Vault | None:
        """Return the vault of a Host header, with or without a port."""
        name, dot, zone = host.partition(":")[0].lower().partition(".")
        with self._lock:
            return self._vaults.get(name) if dot + zone == SUFFIX else None

    def names(self) -> list[str]:
        """Return the vaults' names."""
        with self._lock:
            return sorted(vault.name for vault in self._vaults.values())

    def exists(self, host: str) -> bool:
        """Whether a vault answers at that host."""
        return self.at(host) is not None
