"""Four deployments, given to both languages alike, and what each of them would make."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.infra.bicep_files import Value

HELD = Path(__file__).parent / "held"
OWN = "00000000-0000-0000-0000-000000000001"
OTHER = "00000000-0000-0000-0000-000000000002"
TENANT = "00000000-0000-0000-0000-0000000000ff"
LOCATION = "westeurope"

type Parameters = dict[str, Value]


@dataclass(frozen=True, slots=True, order=True)
class Role:
    """A role assignment: where, which role, and whose."""

    scope: str
    role: str
    principal: str
    kind: str


def custom_role(name: str) -> str:
    """Return what a role of our own is called here, by its name in Azure."""
    return "namespace-secrets" if "of a namespace" in name else "prepared-secrets"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment makes: resources by their id, without role assignments, and these."""

    resources: Mapping[str, Value]
    roles: frozenset[Role]

    def kept(self) -> dict[str, Value]:
        """Return it as the held files have it."""
        roles: list[Value] = [
            {"scope": each.scope, "role": each.role, "principal": each.principal, "kind": each.kind}
            for each in sorted(self.roles)
        ]
        return {"resources": dict(sorted(self.resources.items())), "roles": roles}


def _id(subscription: str, group: str, kind: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"


def _vault(name: str, subscription: str = OWN, **fields: Value) -> dict[str, Value]:
    resource_id = _id(subscription, "shop", "Microsoft.KeyVault/vaults", name)
    return {"resourceId": resource_id, "location": LOCATION, **fields}


_HUB = _id(OWN, "net", "Microsoft.Network/virtualNetworks", "hub")
_ZONE = _id(OWN, "net", "Microsoft.Network/privateDnsZones", "privatelink.westeurope.azmk8s.io")
_AKS = _id(OTHER, "aks", "Microsoft.ContainerService/managedClusters", "dev")
_TOPIC = _id(OTHER, "shop", "Microsoft.EventGrid/systemTopics", "given")
_NETWORK: dict[str, Value] = {
    "subnetId": f"{_HUB}/subnets/app",
    "privateEndpointSubnetId": f"{_HUB}/subnets/endpoints",
}
_AUTHENTICATION: dict[str, Value] = {
    "clientId": "31111111-1111-4111-8111-111111111111",
    "allowedPrincipals": ["41111111-1111-4111-8111-111111111111"],
}

DEPLOYMENTS: dict[str, Parameters] = {
    "nothing": {"cloud": "AzureCloud"},
    "two-vaults-and-a-cluster": {
        "cloud": "AzureCloud",
        "vaults": {
            "weu-DS-AKV-shop-dev-1": _vault("weu-DS-AKV-shop-dev-1"),
            "weu-DS-AKV-shop-dev-2": _vault("weu-DS-AKV-shop-dev-2", OTHER, systemTopic=_TOPIC),
        },
        "clusters": [{"name": "dev", "match": {"stage": "dev"}, "aks": _AKS}],
    },
    "everything": {
        "cloud": "AzureCloud",
        "name": "vaultsync",
        "resourceGroupName": "rg-all",
        "tags": {"owner": "platform"},
        "vaults": {
            "weu-DS-AKV-shop-dev-2": _vault("weu-DS-AKV-shop-dev-2", OTHER, systemTopic=_TOPIC),
            "myapp-kv": _vault(
                "myapp-kv",
                accessPolicies=True,
                placements=[
                    {"project": "myapp", "stage": "dev", "namespace": "web-dev", "secret": "myapp"},
                    {"project": "myapp", "stage": "prd", "cluster": "edge", "unprefixed": True},
                ],
            ),
        },
        "projects": [
            {
                "name": "shop",
                "stage": "prod",
                "numbers": [1, 2],
                "region": "weu",
                "officers": ["11111111-1111-4111-8111-111111111111"],
                "readers": ["21111111-1111-4111-8111-111111111111"],
                "addresses": ["203.0.113.0/24"],
            },
            {
                "name": "a-b",
                "stage": "dev",
                "numbers": [9],
                "region": "neu",
                "location": "northeurope",
            },
        ],
        "projectsResourceGroupName": "rg-all-vaults",
        "exampleVault": "weu-DS-AKV-demo-dev-1",
        "clusters": [
            {"name": "dev", "match": {"stage": "dev"}, "aks": _AKS},
            {"name": "edge", "server": "https://10.0.0.4:6443", "token_secret": "kv-platform/edge"},
        ],
        "azureRbacNamespaces": [f"{_AKS}/namespaces/shop-dev", f"{_AKS}/namespaces/shop-prod"],
        "credentialSecrets": [
            f"{_id(OWN, 'platform', 'Microsoft.KeyVault/vaults', 'kv-platform')}/secrets/edge"
        ],
        "inspectVaults": True,
        "settings": {
            "SYNC_DISCOVERY": "resource-graph",
            "SYNC_PORTAL_LINKS": "azure",
            "SYNC_APPLICATIONS": '[{"version": "v1", "resource": "pods", "names": "metadata.a"}]',
            "SYNC_APPLICATIONS_PREPARE": "true",
            "SYNC_SCHEDULE": "0 */10 * * * *",
        },
        "network": {
            **_NETWORK,
            "linkedDnsZoneIds": [_ZONE],
            "addresses": ["198.51.100.7"],
        },
        "zoneRedundant": True,
        "alwaysReady": 2,
        "perInstanceConcurrency": 100,
        "maximumInstances": 50,
        "instanceMemory": 4096,
        "alertReceivers": {
            "emails": ["platform@example.com"],
            "actionGroupIds": [_id(OTHER, "ops", "Microsoft.Insights/actionGroups", "ops")],
        },
        "alertAfter": "PT2H",
        "authentication": {
            **_AUTHENTICATION,
            "allowedApplications": ["51111111-1111-4111-8111-111111111111"],
        },
    },
    "sovereign-cloud": {
        "cloud": "AzureUSGovernment",
        "vaults": {"weu-DS-AKV-shop-dev-1": _vault("weu-DS-AKV-shop-dev-1")},
        "network": _NETWORK,
        "authentication": _AUTHENTICATION,
    },
}


def snake(name: str) -> str:
    """Spell a Bicep name as Terraform does."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def kind(resource_id: str) -> str:
    """Return the type of a resource."""
    if "/providers/" not in resource_id:
        return "Microsoft.Resources/resourceGroups"
    namespace, *segments = resource_id.rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *segments[::2]])


def held(name: str) -> Path:
    """Return the file that holds what a deployment makes."""
    return HELD / f"{name}.json"


def written(deployment: Deployment) -> str:
    """Return the text of the file that holds it."""
    return json.dumps(deployment.kept(), indent=2, ensure_ascii=False) + "\n"
