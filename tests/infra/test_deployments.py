"""Four deployments make what is held here, and the same in both languages."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infra.bicep_files import Value
from tests.infra.deployments import (
    DEPLOYMENTS,
    HELD,
    OWN,
    Deployment,
    Role,
    held,
    kind,
    written,
)
from tests.infra.deployments.bicep import by_bicep
from tests.infra.deployments.plan import by_terraform
from tests.infra.deployments.terraform import (
    CLIENT,
    PRINCIPAL,
    need_providers,
    plans,
    topic_principal,
)

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
TOPIC = "Microsoft.EventGrid/systemTopics"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"

names = pytest.mark.parametrize("name", DEPLOYMENTS)


def expected(name: str) -> Deployment:
    """Read what is held."""
    found = json.loads(held(name).read_text())
    return Deployment(found["resources"], frozenset(Role(**each) for each in found["roles"]))


def ids(name: str) -> dict[str, list[str]]:
    """Return the ids of what a deployment makes, by type."""
    found: dict[str, list[str]] = defaultdict(list)
    for resource_id in expected(name).resources:
        found[kind(resource_id)].append(resource_id)
    return found


def settings(deployment: Deployment) -> dict[str, Value]:
    """Return the app's settings; JSON is told as what it means."""
    (found,) = (
        each for key, each in deployment.resources.items() if key.endswith("/config/appsettings")
    )
    assert isinstance(found, dict)
    properties = found["properties"]
    assert isinstance(properties, dict)
    return {
        name: json.loads(value) if isinstance(value, str) and value.startswith("[") else value
        for name, value in properties.items()
    }


def told(value: Value) -> Value:
    """Spell resource ids in lower case, since Azure does not tell them apart by case."""
    text = re.sub(r'/subscriptions/[^\s">]*', lambda each: each[0].lower(), json.dumps(value))
    spelt: Value = json.loads(text)
    return spelt


def test_all_are_held_as_they_are_written() -> None:
    """There is a file for each deployment, with what it says and nothing else."""
    assert {path.stem for path in HELD.iterdir()} == DEPLOYMENTS.keys()
    for name in DEPLOYMENTS:
        assert held(name).read_text() == written(expected(name))


@names
def test_bicep_makes_what_is_held(name: str, tmp_path: Path) -> None:
    """A change shows here: `python -m tests.infra.deployments` writes it down for review."""
    made = by_bicep(tmp_path, DEPLOYMENTS[name])
    assert made.kept() == json.loads(held(name).read_text())


def test_without_being_asked_the_app_has_two_roles() -> None:
    """They are those that the host needs, on its storage and its telemetry."""
    deployment = expected("nothing")
    assert {(kind(each.scope), each.role) for each in deployment.roles} == {
        ("Microsoft.Storage/storageAccounts", BLOB_DATA_OWNER),
        ("Microsoft.Insights/components", METRICS_PUBLISHER),
    }


def test_reader_is_given_where_it_is_asked_for() -> None:
    """It is on each vault that is served, and on the subscriptions that are searched."""
    given = [each.scope for each in expected("everything").roles if each.role == READER]
    vaults = [scope for scope in given if kind(scope) == "Microsoft.KeyVault/vaults"]
    assert len(set(vaults)) == len(vaults) == 6
    assert len(given) - len(vaults) == 2
    for name in DEPLOYMENTS.keys() - {"everything"}:
        assert READER not in {each.role for each in expected(name).roles}


def test_another_cloud_has_its_own_addresses() -> None:
    """No address of the public cloud is left, and the host is told where its storage is."""
    assert not re.search(
        r"core\.windows\.net|vault\.azure\.net|login\.microsoftonline\.com|__accountName",
        held("sovereign-cloud").read_text(),
    )
    found = settings(expected("sovereign-cloud"))
    assert found["SYNC_VAULT_DNS_SUFFIX"] == "vault.usgovcloudapi.net"
    assert found["AZURE_AUTHORITY_HOST"] == "login.microsoftonline.us"
    (storage,) = ids("sovereign-cloud")["Microsoft.Storage/storageAccounts"]
    for service in ("blob", "queue", "table"):
        address = found[f"AzureWebJobsStorage__{service}ServiceUri"]
        assert address == f"<primaryEndpoints.{service} of {storage}>"
    assert "AzureWebJobsStorage__accountName" in settings(expected("everything"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Deployment]:
    """Plan the four deployments with Terraform, once."""
    need_providers()
    found = plans(tmp_path_factory.mktemp("plans"), {name: ids(name) for name in DEPLOYMENTS})
    assert found.keys() == DEPLOYMENTS.keys()
    return {name: by_terraform(plan, principals(name)) for name, plan in found.items()}


def principals(name: str) -> dict[str, str]:
    """Tell of each made-up object id what it is."""
    made = ids(name)
    (identity,) = made[IDENTITY]
    known = {PRINCIPAL: f"<principalId of {identity}>", CLIENT: f"<clientId of {identity}>"}
    for index, topic in enumerate(made[TOPIC]):
        known[topic_principal(index)] = f"<identity.principalId of {topic}>"
    vaults = DEPLOYMENTS[name].get("vaults", {})
    assert isinstance(vaults, dict)
    for vault in vaults.values():
        if isinstance(vault, dict) and "systemTopic" in vault:
            known[topic_principal(999)] = f"<identity.principalId of {vault['systemTopic']}>"
    return known


@names
def test_both_make_the_same_resources(name: str, planned: Mapping[str, Deployment]) -> None:
    """Each resource of Bicep's is one of Terraform's, with the same body where azapi makes it."""
    bicep = {key.lower(): value for key, value in expected(name).resources.items()}
    terraform = {key.lower(): value for key, value in planned[name].resources.items()}
    assert apart(bicep) == apart(terraform)
    for key, body in terraform.items():
        if body is not None and not key.endswith("/config/appsettings"):
            assert told(body) == told(without_azd(bicep[key])), key


def apart(resources: Mapping[str, Value]) -> set[str]:
    """Return the ids, without the names of role definitions, which each language makes up."""
    return {f"/{DEFINITION}" if kind(key) == DEFINITION.lower() else key for key in resources}


def without_azd(body: Value) -> Value:
    """Return a body without the tag by which azd finds the app."""
    assert isinstance(body, dict)
    tags = body.get("tags")
    if not isinstance(tags, dict):
        return body
    return {**body, "tags": {k: v for k, v in tags.items() if k != "azd-service-name"}}


@names
def test_both_assign_the_same_roles(name: str, planned: Mapping[str, Deployment]) -> None:
    """Who may do what where does not depend on the language."""
    assert roles(planned[name]) == roles(expected(name))


def roles(deployment: Deployment) -> set[str]:
    """Return the role assignments, with ids in lower case."""
    kept = deployment.kept()["roles"]
    assert isinstance(kept, list)
    return {json.dumps(told(each), sort_keys=True) for each in kept}


@names
def test_both_give_the_same_settings(name: str, planned: Mapping[str, Deployment]) -> None:
    """The app is told the same, by the same names."""
    assert told(settings(planned[name])) == told(settings(expected(name)))
    assert OWN in json.dumps(settings(planned[name]))
