"""Holds the Bicep resources to least rights and to what is secure by default."""

import json
import re
from pathlib import Path

import pytest

from infra.subscribe import NAME
from tests.infra.bicep_files import (
    AZURE_CLI,
    FOLDER,
    MAIN,
    MODULES,
    TYPES,
    Expression,
    assignments,
    at,
    at_dict,
    calls,
    declared,
    module,
    only,
    resources,
)

ALERTS = FOLDER.parent / "alerts" / "alerts.json"
PYTHON = FOLDER.parents[1] / ".python-version"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_key_is_read(path: Path) -> None:
    """No file asks Azure for a key, a token or a stored secret."""
    assert {call for call in calls(path) if call.startswith(("list", "getSecret"))} == set()


def test_resources_are_tagged() -> None:
    """What takes tags gets them: everything that has a region."""
    for made in resources(*MODULES):
        if "location" in made.body and not made.existing:
            assert "tags" in made.body, made


def test_storage_has_no_keys_and_no_public_blobs() -> None:
    """The account takes Entra log-ins over TLS only, and outside a network it keeps others out."""
    properties = only(module("storage"), "Microsoft.Storage/storageAccounts").body["properties"]
    assert isinstance(properties, dict)
    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["defaultToOAuthAuthentication"] is True
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["networkAcls"] == {
        "bypass": "AzureServices",
        "defaultAction": Expression("public ? 'Allow' : 'Deny'"),
    }


def test_storage_containers() -> None:
    """The account has a container for the package and one for dead letters, both private."""
    containers = {
        made.body["name"]: at(made.body, "properties", "publicAccess")
        for made in resources(module("storage"))
        if "/containers@" in made.type
    }
    assert containers == {"deployment": "None", "dead-letters": "None"}


def test_site_takes_https_only() -> None:
    """The app takes HTTPS of TLS 1.2 only, and no FTP."""
    properties = only(module("app"), "Microsoft.Web/sites").body["properties"]
    assert at(properties, "httpsOnly") is True
    assert at(properties, "siteConfig") == {
        "minTlsVersion": "1.2",
        "scmMinTlsVersion": "1.2",
        "ftpsState": "Disabled",
    }


def test_site_takes_no_publishing_password() -> None:
    """Neither FTP nor the deployment site takes basic authentication."""
    policies = {
        made.body["name"]: at(made.body, "properties", "allow")
        for made in resources(module("app"))
        if "/basicPublishingCredentialsPolicies@" in made.type
    }
    assert policies == {"ftp": False, "scm": False}


def test_site_runs_python_and_scales_by_events() -> None:
    """The app runs on the project's Python, from a container it reads by its identity."""
    config = at(only(module("app"), "Microsoft.Web/sites").body, "properties", "functionAppConfig")
    python = PYTHON.read_text().strip()
    assert at(config, "runtime") == {"name": "python", "version": python}
    assert at(config, "deployment", "storage", "authentication") == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": Expression("identityId"),
    }
    assert at(config, "scaleAndConcurrency", "triggers", "http", "perInstanceConcurrency") == (
        Expression("perInstanceConcurrency")
    )


def test_app_settings() -> None:
    """These settings are derived, none with a key; none is the platform's to set."""
    assert set(at_dict(assignments(module("app"))["derivedSettings"])) == {
        "AzureWebJobsStorage__credential",
        "AzureWebJobsStorage__clientId",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "AZURE_CLIENT_ID",
        "AzureWebJobsDisableHomepage",
    }
    assert at(assignments(module("app")), "derivedSettings", "AzureWebJobsDisableHomepage") == (
        "true"
    )
    [settings] = [r for r in resources(module("app")) if r.body["name"] == "appsettings"]
    assert settings.body["properties"] == Expression(
        "union(derivedSettings, cloudSettings, settings)"
    )


def test_authentication() -> None:
    """With Entra only named principals may call, by the Azure CLI or a named application.

    Deliveries and the probe need no log-in.

    Taken out again, it is turned off.
    """
    [settings] = [r for r in resources(module("app")) if r.body["name"] == "authsettingsV2"]
    assert settings.body["properties"] == Expression(
        "authentication == null ? { platform: { enabled: false } } : entraSettings"
    )
    properties = assignments(module("app"))["entraSettings"]
    assert at(properties, "globalValidation") == {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
        "excludedPaths": [
            "/runtime/webhooks/eventgrid",
            "/runtime/webhooks/EventGrid",
            "/api/health",
        ],
    }
    entra = at(properties, "identityProviders", "azureActiveDirectory")
    assert set(at_dict(at(entra, "registration"))) == {"clientId", "openIdIssuer"}
    assert at(entra, "validation", "defaultAuthorizationPolicy") == {
        "allowedApplications": Expression(
            "union([azureCli], authentication.?allowedApplications ?? [])"
        ),
        "allowedPrincipals": {"identities": Expression("authentication.?allowedPrincipals")},
    }
    assert assignments(module("app"))["azureCli"] == AZURE_CLI
    assert declared(TYPES, "property")["allowedPrincipals"].decorators["minLength"] == [1]


def test_telemetry_takes_log_ins_only() -> None:
    """Neither Application Insights nor its workspace takes a key."""
    monitoring = module("monitoring")
    insights = only(monitoring, "Microsoft.Insights/components").body
    workspace = only(monitoring, "Microsoft.OperationalInsights/workspaces").body
    assert at(insights, "properties", "DisableLocalAuth") is True
    assert at(workspace, "properties", "features", "disableLocalAuth") is True


ROLES = {
    "storage": ("account", "Storage Blob Data Owner"),
    "monitoring": ("applicationInsights", "Monitoring Metrics Publisher"),
    "vault-access": ("vault", "Key Vault Secrets User"),
    "vault-access inspection": ("vault", "Reader"),
    "secret-access": ("vault::secret", "Key Vault Secrets User"),
    "cluster-access": ("cluster", "Azure Kubernetes Service Cluster User Role"),
    "search-access": (None, "Reader"),
    "dead-letter-access": ("account::blobs::deadLetters", "Storage Blob Data Contributor"),
    "namespace-access": (None, None),
    "project-vault officer": ("vault", "Key Vault Secrets Officer"),
    "project-vault reader": ("vault", "Key Vault Reader"),
}
BUILT_IN = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "4abbcc35-e782-43d8-92c5-2d3f1bd2253f": "Azure Kubernetes Service Cluster User Role",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "21090545-7ca7-4776-b22c-e363652d74d2": "Key Vault Reader",
}
TEAMS = {"officer", "reader"}  # assignments to groups of people
BESIDE = {*TEAMS, "inspection"}  # those of a file that has others


def test_roles_are_the_least() -> None:
    """These roles are assigned, each at the resource that it is for, and no other."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for made in resources(*MODULES):
        if "/roleAssignments@" not in made.type:
            continue
        scope = made.body.get("scope")
        role = at(made.body, "properties", "roleDefinitionId")
        assert isinstance(role, Expression)
        variable = role.text.removesuffix(")").rpartition(", ")[2]
        identifier = assignments(module(made.file)).get(variable)
        found[f"{made.file} {made.name}" if made.name in BESIDE else made.file] = (
            scope.text if isinstance(scope, Expression) else None,
            BUILT_IN[identifier] if isinstance(identifier, str) else None,
        )
    assert found == ROLES


def test_roles_say_of_whom_they_are_under_lasting_names() -> None:
    """An assignment says what its principal is, so that a new one is found, and keeps its name."""
    for made in resources(*MODULES):
        if "/roleAssignments@" in made.type:
            kind = "Group" if made.name in TEAMS else "ServicePrincipal"
            assert at(made.body, "properties", "principalType") == kind
            name = made.body["name"]
            assert isinstance(name, Expression)
            assert "guid(" in name.text


def test_role_of_a_namespace_reads_and_writes_secrets_only() -> None:
    """The custom role has two data actions and nothing else."""
    role = only(MAIN, "Microsoft.Authorization/roleDefinitions")
    assert at(role.body, "properties", "permissions") == [
        {
            "actions": [],
            "notActions": [],
            "dataActions": [
                "Microsoft.ContainerService/managedClusters/secrets/read",
                "Microsoft.ContainerService/managedClusters/secrets/write",
            ],
            "notDataActions": [],
        }
    ]


def test_search_is_allowed_where_it_is_on() -> None:
    """The identity reads subscriptions only where the app searches them."""
    searched = assignments(MAIN)["searched"]
    assert isinstance(searched, Expression)
    assert searched.text.startswith("effectiveSettings.?SYNC_DISCOVERY == 'resource-graph'\n")
    assert searched.text.endswith(": []")


def test_each_event_that_is_given_up_on_raises_an_alert() -> None:
    """One alert counts what went into the container, another what was dropped: both languages."""
    listed = json.loads((ALERTS.parent / "events.json").read_text())
    assert {alert["metric"] for alert in listed.values()} == {
        "DeadLetteredCount",
        "DroppedEventCount",
    }
    counted = at(
        only(module("event-alerts"), "Microsoft.Insights/metricAlerts").body,
        *("properties", "criteria", "allOf", 0),
    )
    at_once = {"operator": "GreaterThan", "threshold": 0, "timeAggregation": "Total"}
    assert at_once.items() <= at_dict(counted).items()
    assert f"values: [\n                  '{NAME}'\n" in module("event-alerts").read_text()
    assert "/../alerts/events.json" in (FOLDER.parent / "terraform" / "events.tf").read_text()


def test_topic_has_an_identity() -> None:
    """A topic is made with an identity, and an existing one without is refused by name."""
    made = only(module("topic"), "Microsoft.EventGrid/systemTopics").body
    assert made["identity"] == {"type": "SystemAssigned"}
    assert at(made, "properties", "topicType") == "Microsoft.KeyVault.vaults"
    assert "fail" in calls(module("topic"))


def test_example_vault_cannot_lose_secrets() -> None:
    """The vault for a first try has RBAC, soft delete for 90 days and purge protection."""
    properties = at_dict(
        only(module("example-vault"), "Microsoft.KeyVault/vaults").body["properties"]
    )
    assert properties["enableRbacAuthorization"] is True
    assert properties["enableSoftDelete"] is True
    assert properties["softDeleteRetentionInDays"] == 90
    assert properties["enablePurgeProtection"] is True


def test_alerts_are_those_of_the_list() -> None:
    """The log alerts are all of the list's fields, and each duration is known in minutes."""
    monitoring = assignments(module("monitoring"))
    assert monitoring["alerts"] == Expression("loadJsonContent('../../alerts/alerts.json')")
    durations = declared(TYPES, "type")["duration"].type
    assert set(re.findall(r"'(\w+)'", durations)) == set(at_dict(monitoring["minutes"]))
    rule = only(module("monitoring"), "Microsoft.Insights/scheduledQueryRules").body
    read = set(re.findall(r"alert\.value\.(\w+)", repr(rule)))
    for alert in json.loads(ALERTS.read_text()).values():
        assert set(alert) == read
