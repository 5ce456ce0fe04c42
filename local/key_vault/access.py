"""What callers may do in a vault, as its role assignments would say."""

from dataclasses import dataclass

from local.key_vault.faults import Kind
from local.key_vault.refusals import firewalled, forbidden, no_entry

_ACTIONS: dict[Kind, str] = {
    "list": "readMetadata/action",
    "versions": "readMetadata/action",
    "list_deleted": "readMetadata/action",
    "get_deleted": "readMetadata/action",
    "get": "getSecret/action",
    "set": "setSecret/action",
    "update": "update/action",
    "delete": "delete",
    "recover": "recover/action",
    "purge": "purge/action",
}


@dataclass(slots=True)
class Access:
    """The kinds of request that one vault refuses to every caller; none at first.

    With the `firewall` up it refuses all, since no caller comes from an address that is let in.
    With `policies` it refuses as a vault with access policies does, else as one with roles.
    """

    _resource_id: str
    _denied: frozenset[Kind] = frozenset()
    firewall: bool = False
    policies: bool = False

    def deny(self, *kinds: Kind) -> None:
        """Refuse these kinds of request over HTTP with 403, or all if none is named."""
        self._denied = frozenset(kinds or _ACTIONS)

    def allow(self) -> None:
        """Undo `deny`."""
        self._denied = frozenset()

    def check(self, kind: Kind, name: str) -> None:
        """Raise `Refused` if the caller may not."""
        if self.firewall:
            raise firewalled()
        if kind in self._denied and self.policies:
            raise no_entry("list" if kind == "versions" else kind)
        if kind in self._denied:
            action = f"Microsoft.KeyVault/vaults/secrets/{_ACTIONS[kind]}"
            raise forbidden(action, f"{self._resource_id}/secrets/{name}".rstrip("/"))
