"""Vaults and their diagnostic settings as Azure Resource Manager shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.arm.search import TENANT, Fields

TYPE = "Microsoft.KeyVault/vaults"
SETTINGS = "providers/Microsoft.Insights/diagnosticSettings"


def _sound() -> Fields:
    """Return the properties of a vault on which everything that protects it is switched on."""
    return {
        "tenantId": TENANT,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [],
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
        "enablePurgeProtection": True,
        "publicNetworkAccess": "Enabled",
        "provisioningState": "Succeeded",
    }


def _audited() -> dict[str, Mapping[str, bool]]:
    return {"audit": {"audit": True}}


@dataclass(slots=True)
class VaultState:
    """A vault: its properties, and per diagnostic setting its categories or groups, on or off."""

    resource_id: str
    properties: Fields = field(default_factory=_sound)
    settings: dict[str, Mapping[str, bool]] = field(default_factory=_audited)

    def shown(self) -> Fields:
        """Return the vault as a GET shows it."""
        name = self.resource_id.rpartition("/")[2]
        uri = f"https://{name.lower()}.vault.azure.net/"
        return {
            "id": self.resource_id,
            "name": name,
            "type": TYPE,
            "location": "westeurope",
            "tags": {},
            "properties": {**self.properties, "vaultUri": uri},
        }

    def diagnostic_settings(self) -> list[Fields]:
        """Return the diagnostic settings as a list shows them."""
        return [
            {
                "id": f"{self.resource_id}/{SETTINGS}/{name}",
                "name": name,
                "type": "Microsoft.Insights/diagnosticSettings",
                "properties": {
                    "workspaceId": f"{self.resource_id.partition('/providers/')[0]}/providers"
                    "/Microsoft.OperationalInsights/workspaces/logs",
                    "logs": [_log(each, enabled=on) for each, on in logs.items()],
                    "metrics": [],
                },
            }
            for name, logs in self.settings.items()
        ]


def _log(name: str, *, enabled: bool) -> Fields:
    """Return an entry of a category, which begins with a capital letter, or of a group."""
    is_category = name[0].isupper()
    return {
        "category": name if is_category else None,
        "categoryGroup": None if is_category else name,
        "enabled": enabled,
        "retentionPolicy": {"enabled": False, "days": 0},
    }
