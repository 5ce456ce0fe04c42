"""The port by which the doctor reads how a vault is set up, and what it reads."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sync.core.model import VaultName
from sync.core.ports import Deadline


class PermissionMode(StrEnum):
    """What decides who may read a vault's secrets."""

    RBAC = "rbac"
    ACCESS_POLICIES = "access-policies"


class Network(StrEnum):
    """Whose calls reach a vault."""

    PUBLIC = "public"
    FIREWALL = "firewall"
    PRIVATE = "private"
    PERIMETER = "perimeter"


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be read: why not, and which right would show it, as one sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class VaultProperties:
    """How a vault is set up.

    `soft_delete_days` is None without soft delete. `network_rules` counts addresses and subnets
    that the firewall lets in; `trusted_services` passes Azure's trusted services by it.
    """

    permissions: PermissionMode
    soft_delete_days: int | None
    purge_protection: bool
    network: Network
    network_rules: int
    trusted_services: bool


@dataclass(frozen=True, slots=True)
class VaultResource:
    """A vault as Resource Manager shows it; `audit` names the settings that pass audit events."""

    properties: VaultProperties | Unseen
    audit: tuple[str, ...] | Unseen


class VaultResources(Protocol):
    """Reads vaults from Resource Manager, with at most two calls for each."""

    def read(self, vault: VaultName, deadline: Deadline) -> VaultResource:
        """Return how the vault is set up; raises Permanent or Transient."""
        ...
