"""What Terraform makes of a deployment: a plan over mocked providers, told as Bicep's is."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.infra.bicep_files import Value
from tests.infra.deployments import DEPLOYMENTS, LOCATION, Parameters, snake
from tests.infra.terraform_files import FOLDER

PROVIDERS = "TF_CLI_CONFIG_FILE"
PRINCIPAL = "99999999-9999-4999-8999-999999999999"
CLIENT = "88888888-8888-4888-8888-888888888888"
_TOPIC = "77777777-7777-4777-8777-{:012d}"
# What is made is called by what it is: the address, and the type that Bicep makes.
_MADE = {
    "azurerm_resource_group.app": "Microsoft.Resources/resourceGroups",
    "azurerm_user_assigned_identity.app": "Microsoft.ManagedIdentity/userAssignedIdentities",
    "azurerm_private_dns_zone.blob": "Microsoft.Network/privateDnsZones",
    "azurerm_monitor_action_group.app": "Microsoft.Insights/actionGroups",
    "azapi_resource.storage": "Microsoft.Storage/storageAccounts",
    "azapi_update_resource.blobs": "Microsoft.Storage/storageAccounts/blobServices",
    "azapi_resource.workspace": "Microsoft.OperationalInsights/workspaces",
    "azapi_resource.application_insights": "Microsoft.Insights/components",
    "azapi_resource.plan": "Microsoft.Web/serverfarms",
    "azapi_resource.site": "Microsoft.Web/sites",
}
_MADE_BY_NAME = {
    "azapi_resource.container": "Microsoft.Storage/storageAccounts/blobServices/containers",
    "azapi_resource.topic": "Microsoft.EventGrid/systemTopics",
    "azapi_resource.project_vault": "Microsoft.KeyVault/vaults",
}

type Plan = Mapping[str, object]


def terraform(
    *arguments: str, cwd: Path = FOLDER, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Terraform in the folder; skips where there is none."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not on the PATH")
    return subprocess.run(  # noqa: S603 - a found program and our own arguments
        [program, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def need_providers() -> None:
    """Skip where Terraform has no providers to check with."""
    configured = Path(os.environ.get(PROVIDERS, ""))
    overridden = configured.is_file() and "dev_overrides" in configured.read_text()
    if not overridden and not (FOLDER / ".terraform/providers").is_dir():
        pytest.skip(
            f"run terraform init -backend=false in infra/terraform, or set {PROVIDERS} to a file "
            "whose dev_overrides name the providers azurerm and azapi"
        )


def plans(folder: Path, ids: Mapping[str, Mapping[str, list[str]]]) -> dict[str, Plan]:
    """Plan the four deployments in a copy of the files; returns the plans by name.

    `ids` has, by deployment, the ids of what is made by type: what Azure would answer with.
    """
    copy = folder / "infra" / "terraform"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform", "*.tftest.hcl"))
    shutil.copytree(FOLDER.parent / "alerts", folder / "infra" / "alerts")
    for file in ("clouds.json", "subscribe.py"):
        shutil.copy(FOLDER.parent / file, folder / "infra")
    runs = [{name.replace("-", "_"): _run(name, ids[name])} for name in DEPLOYMENTS]
    document = {
        "mock_provider": [{"azurerm": {"source": "./tests/mocks"}}, {"azapi": {}}],
        "variables": {"location": LOCATION, "package": "versions.tf", "vault_pattern": ""},
        "run": runs,
    }
    (copy / "tests" / "deployments.tftest.json").write_text(json.dumps(document, indent=2))
    data = {"TF_DATA_DIR": str(FOLDER / ".terraform")}
    done = terraform("test", "-json", "-verbose", cwd=copy, environment=data)
    assert done.returncode == 0, "\n".join(_complaints(done.stdout)) + done.stderr
    return {
        line["@testrun"].replace("_", "-"): line["test_plan"]
        for line in map(json.loads, done.stdout.splitlines())
        if line["type"] == "test_plan"
    }


def _complaints(output: str) -> Iterator[str]:
    for line in map(json.loads, output.splitlines()):
        if line["type"] == "diagnostic":
            found = line["diagnostic"]
            yield f"{found.get('address', '')}: {found['summary']}: {found.get('detail', '')}"


def variables(parameters: Parameters) -> dict[str, Value]:
    """Return a deployment's parameters as variables."""
    told = _snaked(parameters)
    assert isinstance(told, dict)
    return told


def _snaked(value: Value) -> Value:
    match value:
        case list():
            return [_snaked(each) for each in value]
        case dict():
            return {snake(name): _snaked(each) for name, each in value.items()}
        case _:
            return value


def topic_principal(index: int) -> str:
    """Return the principal of a topic, by its place among the vaults in lower case."""
    return _TOPIC.format(index)


def _run(name: str, ids: Mapping[str, list[str]]) -> dict[str, object]:
    parameters = DEPLOYMENTS[name]
    return {
        "command": "plan",
        "variables": variables(parameters),
        "override_resource": [*_made(ids), *_made_by_name(ids)],
        "override_data": list(_read(parameters)),
    }


def _made(ids: Mapping[str, list[str]]) -> Iterator[dict[str, object]]:
    for address, kind in _MADE.items():
        for resource_id in ids.get(kind, [])[:1]:
            values: dict[str, object] = {"id": resource_id}
            if address == "azurerm_user_assigned_identity.app":
                values |= {"principal_id": PRINCIPAL, "client_id": CLIENT}
            if address in OUTPUTS:
                values["output"] = {
                    name: f"<{path} of {resource_id}>" for name, path in OUTPUTS[address].items()
                }
            yield {"target": address, "override_during": "plan", "values": values}


OUTPUTS = {
    "azapi_resource.storage": {
        f"{service}_endpoint": f"primaryEndpoints.{service}"
        for service in ("blob", "queue", "table")
    },
    "azapi_resource.application_insights": {"connection_string": "ConnectionString"},
    "azapi_resource.site": {"host_name": "defaultHostName"},
}


def _made_by_name(ids: Mapping[str, list[str]]) -> Iterator[dict[str, object]]:
    for address, kind in _MADE_BY_NAME.items():
        for resource_id in ids.get(kind, []):
            key = re.sub("^key-vault-sync-", "", resource_id.rpartition("/")[2]).lower()
            values: dict[str, object] = {"id": resource_id}
            if address == "azapi_resource.topic":
                values["identity"] = {"principal_id": topic_principal(ids[kind].index(resource_id))}
            target = f'{address}["{key}"]'
            yield {"target": target, "override_during": "plan", "values": values}


def _read(parameters: Parameters) -> Iterator[dict[str, object]]:
    """Return what is read of the vaults that are listed, and of the topics that they have."""
    vaults = parameters.get("vaults", {})
    assert isinstance(vaults, dict)
    for name, vault in vaults.items():
        assert isinstance(vault, dict)
        takes_roles = not vault.get("accessPolicies", False)
        yield {
            "target": f'data.azapi_resource.vault["{name.lower()}"]',
            "values": {"output": {"takes_roles": takes_roles}},
        }
        if "systemTopic" in vault:
            yield {
                "target": f'data.azapi_resource.topic["{name.lower()}"]',
                "values": {
                    "output": {
                        "identity_type": "SystemAssigned",
                        "principal_id": topic_principal(999),
                        "source": vault["resourceId"],
                    }
                },
            }
