"""Holds the Terraform files to their grammar, to what the state may know, and to their tests."""

import re
from types import ModuleType

import pytest

from infra import publish, subscribe
from sync.core.vault_names import DEFAULT_PATTERN
from tests.infra.deployments.terraform import need_providers, terraform
from tests.infra.terraform_files import FILES, FOLDER, Value, at, blocks

# What azapi may read back into the state. None of it opens anything.
READ_BACK = {
    "identity.principalId",
    "identity.type",
    "properties.ConnectionString",
    "properties.defaultHostName",
    "properties.enableRbacAuthorization",
    "properties.primaryEndpoints.blob",
    "properties.primaryEndpoints.queue",
    "properties.primaryEndpoints.table",
    "properties.source",
}

# azurerm reads no key with these; with those for storage, logs and apps it does.
WITHOUT_KEYS = {
    "azurerm_monitor_action_group",
    "azurerm_monitor_scheduled_query_rules_alert_v2",
    "azurerm_private_dns_zone",
    "azurerm_private_dns_zone_virtual_network_link",
    "azurerm_private_endpoint",
    "azurerm_resource_group",
    "azurerm_role_assignment",
    "azurerm_role_definition",
    "azurerm_user_assigned_identity",
}

SECURE: dict[str, dict[str, Value]] = {
    "storage": {
        "body.properties.allowSharedKeyAccess": False,
        "body.properties.allowBlobPublicAccess": False,
        "body.properties.defaultToOAuthAuthentication": True,
        "body.properties.supportsHttpsTrafficOnly": True,
        "body.properties.minimumTlsVersion": "TLS1_2",
    },
    "container": {"body.properties.publicAccess": "None"},
    "workspace": {"body.properties.features.disableLocalAuth": True},
    "application_insights": {"body.properties.DisableLocalAuth": True},
    "example_vault": {
        "body.properties.enableRbacAuthorization": True,
        "body.properties.enablePurgeProtection": True,
    },
    "project_vault": {
        "body.properties.enableRbacAuthorization": True,
        "body.properties.enableSoftDelete": True,
        "body.properties.softDeleteRetentionInDays": 90,
        "body.properties.enablePurgeProtection": True,
        "body.properties.networkAcls.bypass": "None",
    },
    "site": {
        "body.properties.httpsOnly": True,
        "body.properties.siteConfig.minTlsVersion": "1.2",
        "body.properties.siteConfig.scmMinTlsVersion": "1.2",
        "body.properties.siteConfig.ftpsState": "Disabled",
    },
}


@pytest.fixture
def providers() -> None:
    """Skip where Terraform has no providers to check with."""
    need_providers()


def test_files_are_formatted() -> None:
    """Every file is as terraform fmt writes it."""
    done = terraform("fmt", "-check", "-recursive")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.usefixtures("providers")
def test_files_are_valid() -> None:
    """Every resource fits its provider's schema, and every body the type that Azure publishes."""
    done = terraform("validate", "-no-color")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("providers")
def test_plans_are_as_their_tests_say() -> None:
    """The runs of infra/terraform/tests pass on mocked providers."""
    done = terraform("test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_all_is_described(kind: str) -> None:
    """Every variable and output says what it is."""
    found = blocks(kind)
    assert found
    assert [block.labels for block in found if not block.body.get("description")] == []


def test_the_pattern_is_the_apps() -> None:
    """The vaults that are found by default are those whose names the app takes by default."""
    (pattern,) = blocks("variable", "vault_pattern")
    assert pattern.body["default"] == DEFAULT_PATTERN


def test_the_state_knows_no_key() -> None:
    """What azurerm would read with its keys is made by azapi, which reads back what is named."""
    made = {block.labels[0] for block in blocks("resource") + blocks("data")}
    azurerm = {kind for kind in made if kind.startswith("azurerm_")}
    assert azurerm <= WITHOUT_KEYS | {"azurerm_client_config", "azurerm_resources"}
    assert made - azurerm == {
        "azapi_resource",
        "azapi_resource_action",
        "azapi_update_resource",
        "terraform_data",
    }
    (azapi,) = blocks("provider", "azapi")
    assert azapi.body["disable_default_output"] is True
    read = {
        path
        for block in blocks("resource") + blocks("data")
        for path in named(block.body.get("response_export_values", {}))
    }
    assert read == READ_BACK


def named(values: Value) -> list[str]:
    """Return the paths in an answer that a resource names, whatever it calls them."""
    assert isinstance(values, dict)
    return [str(path) for path in values.values()]


def test_no_output_tells_an_address_of_telemetry() -> None:
    """The connection string goes to the app and nowhere else."""
    readers = [path.name for path in FILES if "connection_string" in path.read_text()]
    assert readers == ["app.tf", "monitoring.tf"]


@pytest.mark.parametrize("name", SECURE)
def test_is_secure_without_being_asked(name: str) -> None:
    """No key, no password, no plain transport, and no variable that changes it."""
    (resource,) = blocks("resource", "azapi_resource", name)
    assert {path: at(resource, path) for path in SECURE[name]} == SECURE[name]


def test_vaults_are_of_the_version_that_stays() -> None:
    """Every vault, and what is done to one, has this API version; older ones retire."""
    found = [
        str(block.body["type"])
        for block in blocks("resource") + blocks("data")
        if str(block.body.get("type", "")).startswith("Microsoft.KeyVault/vaults@")
    ]
    assert len(found) == 5
    assert {kind.partition("@")[2] for kind in found} == {"2026-02-01"}


def test_project_vaults_are_made_once_and_kept() -> None:
    """No plan takes one away, and none changes it."""
    (vault,) = blocks("resource", "azapi_resource", "project_vault")
    assert vault.body["lifecycle"] == [
        {"prevent_destroy": True, "ignore_changes": "all", "__is_block__": True}
    ]


def test_publishing_takes_no_password() -> None:
    """Basic authentication is off for FTP and for the deployment service."""
    (policy,) = blocks("resource", "azapi_update_resource", "basic_publishing")
    assert policy.body["for_each"] == '${toset(["ftp", "scm"])}'
    assert at(policy, "body.properties.allow") is False


def test_events_come_after_the_code() -> None:
    """Event Grid refuses a subscription to a function that is not deployed yet."""
    (subscription,) = blocks("resource", "terraform_data", "subscription")
    assert subscription.body["depends_on"] == [
        "${azurerm_role_assignment.dead_letters}",
        "${terraform_data.code}",
    ]


@pytest.mark.parametrize(
    ("name", "program"),
    [("code", publish), ("subscription", subscribe), ("unsubscription", subscribe)],
)
def test_what_azure_shows_later_is_waited_for(name: str, program: ModuleType) -> None:
    """The commands that wait do it, from the project's folder; nothing is left to a provider."""
    (resource,) = blocks("resource", "terraform_data", name)
    steps = resource.body["provisioner"]
    assert isinstance(steps, list)
    (step,) = steps
    assert isinstance(step, dict)
    provisioner = step["local-exec"]
    assert isinstance(provisioner, dict)
    assert f"python3 -m {program.__name__} " in str(provisioner["command"])
    assert provisioner["working_dir"] == "${path.module}/../.."
    assert not any("retry" in block.body for block in blocks("resource", "azapi_resource"))


def test_the_example_names_variables() -> None:
    """What terraform.tfvars.example sets, or shows behind a #, is a variable."""
    example = (FOLDER / "terraform.tfvars.example").read_text()
    named = set(re.findall(r"^(?:# )?(\w+) *= ", example, re.MULTILINE))
    known = {block.labels[0] for block in blocks("variable")}
    assert "location" in named
    assert named <= known
