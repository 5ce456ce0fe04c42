"""The vaults that Bicep makes for projects, the placements that it writes, and what it refuses."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync.core.vault_names import DEFAULT_PATTERN
from tests.docs.commands import blocks
from tests.infra.bicep_files import (
    FOLDER,
    MAIN,
    MODULES,
    Expression,
    Value,
    assignments,
    at,
    at_dict,
    at_list,
    module,
    only,
    resources,
)
from tests.infra.deployments import OTHER, OWN
from tests.infra.deployments.compiler import evaluated, predicted

OFFICERS = "11111111-1111-4111-8111-111111111111"
READERS = "21111111-1111-4111-8111-111111111111"
VAULTS = f"/subscriptions/{OWN}/resourceGroups/rg-kvsync-vaults/providers/Microsoft.KeyVault/vaults"
KV = f"/subscriptions/{OTHER}/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
READER = "21090545-7ca7-4776-b22c-e363652d74d2"


def test_vaults_are_of_the_version_that_stays() -> None:
    """Every vault, and what is in one, has this API version; older ones retire."""
    found = {made.type for made in resources(*MODULES) if made.type.startswith("Microsoft.KeyV")}
    assert len(found) == 3
    assert {kind.partition("@")[2] for kind in found} == {"2026-02-01"}


def test_project_vault_is_made_once_and_cannot_lose_secrets() -> None:
    """It has RBAC, soft delete for 90 days and purge protection, and what exists is left alone."""
    vault = only(module("project-vault"), "Microsoft.KeyVault/vaults")
    assert vault.decorators == {"onlyIfNotExists": []}
    properties = at_dict(vault.body["properties"])
    assert {name: value for name, value in properties.items() if name != "networkAcls"} == {
        "tenantId": Expression("tenant().tenantId"),
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
        "enablePurgeProtection": True,
    }
    assert at(properties, "networkAcls", "bypass") == "None"
    assert at(properties, "networkAcls", "defaultAction") == Expression(
        "firewall ? 'Deny' : 'Allow'"
    )


def test_project_vault_is_audited() -> None:
    """Who read or set what goes to the workspace."""
    audit = only(module("project-vault"), "Microsoft.Insights/diagnosticSettings").body
    assert audit["scope"] == Expression("vault")
    assert audit["properties"] == {
        "workspaceId": Expression("workspaceId"),
        "logs": [{"category": "AuditEvent", "enabled": True}],
    }


def test_a_vault_gets_a_role_or_a_policy() -> None:
    """An access policy adds the identity alone, with the rights that it needs."""
    policy = only(module("vault-access"), "Microsoft.KeyVault/vaults/accessPolicies").body
    assert policy["name"] == "add"
    (entry,) = at_list(at(policy, "properties", "accessPolicies"))
    assert at(entry, "permissions") == {
        "secrets": Expression("concat(['get', 'list'], empty(prepareRoleName) ? [] : ['set'])")
    }
    takes_roles = assignments(module("vault-access"))["takesRoles"]
    assert takes_roles == Expression("vault.properties.?enableRbacAuthorization ?? false")


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that a deployment would make."""

    type: str
    properties: dict[str, Value]


def given(parameters: str) -> str:
    """Return parameters with a cloud, since the compiler knows no environment()."""
    return f"param cloud = 'AzureCloud'\n{parameters}"


def made(folder: Path, parameters: str) -> dict[str, Made]:
    """Return what a deployment would make, by its id."""
    return {
        each.id: Made(each.type, each.properties)
        for each in predicted(MAIN, folder, given(parameters))
    }


def refused(folder: Path, parameters: str) -> str:
    """Return what is told of a deployment that is refused before anything is made."""
    done = evaluated(MAIN, folder, given(parameters))
    assert done.returncode != 0
    assert not list(folder.glob("*.snapshot.json"))
    return done.stdout + done.stderr


HUB = f"/subscriptions/{OWN}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub"
NETWORK = f"""
param network = {{
  subnetId: '{HUB}/subnets/app'
  privateEndpointSubnetId: '{HUB}/subnets/endpoints'
  addresses: ['198.51.100.7']
}}
"""


def test_a_projects_vaults(tmp_path: Path) -> None:
    """A vault for each number, with its groups, its audit events, its firewall and the app."""
    found = made(
        tmp_path,
        f"""{NETWORK}
param projects = [
  {{
    name: 'shop'
    stage: 'dev'
    numbers: [1, 2]
    region: 'weu'
    officers: ['{OFFICERS}', '{OFFICERS}']
    readers: ['{READERS}']
    addresses: ['203.0.113.0/24']
  }}
  {{ name: 'a-b', stage: 'prod', numbers: [99], region: 'neu', location: 'northeurope' }}
]
""",
    )
    vaults = {key: vault for key, vault in found.items() if vault.type.endswith("/vaults")}
    assert vaults.keys() == {
        f"{VAULTS}/weu-DS-AKV-shop-dev-1",
        f"{VAULTS}/weu-DS-AKV-shop-dev-2",
        f"{VAULTS}/neu-DS-AKV-a-b-prod-99",
    }
    firewall = at(vaults[f"{VAULTS}/weu-DS-AKV-shop-dev-2"].properties, "networkAcls")
    assert at(firewall, "defaultAction") == "Deny"
    assert at(firewall, "ipRules") == [{"value": "203.0.113.0/24"}, {"value": "198.51.100.7"}]
    opened = at(vaults[f"{VAULTS}/neu-DS-AKV-a-b-prod-99"].properties, "networkAcls")
    assert (at(opened, "defaultAction"), at(opened, "ipRules")) == ("Allow", [])
    for vault in vaults:
        assert f"{vault}/providers/Microsoft.Insights/diagnosticSettings/key-vault-sync" in found
    teams = {
        (
            key.removeprefix(f"{VAULTS}/").partition("/")[0],
            str(role.properties["roleDefinitionId"]).rpartition("/")[2],
            role.properties["principalId"],
        )
        for key, role in found.items()
        if role.properties.get("principalType") == "Group"
    }
    assert teams == {
        (f"weu-DS-AKV-shop-dev-{number}", role, group)
        for number in (1, 2)
        for role, group in ((SECRETS_OFFICER, OFFICERS), (READER, READERS))
    }
    for vault in vaults:  # the app's role
        assert any(vault in key and "4633458b-17de" in key for key in found)
    settings = app_settings(found)
    assert settings["SYNC_VAULTS"] == (
        "neu-DS-AKV-a-b-prod-99,weu-DS-AKV-shop-dev-1,weu-DS-AKV-shop-dev-2"
    )
    assert "SYNC_PLACEMENTS" not in settings


def app_settings(found: dict[str, Made]) -> dict[str, Value]:
    """Return the app's settings of a deployment."""
    (settings,) = (each.properties for key, each in found.items() if "/config/appsett" in key)
    return settings


def test_placements_and_policies(tmp_path: Path) -> None:
    """Placements become the setting, without what is left out; a policy replaces the role."""
    found = made(
        tmp_path,
        f"""
param vaults = {{
  'myapp-kv': {{
    resourceId: '{KV}'
    location: 'westeurope'
    accessPolicies: true
    placements: [
      {{ project: 'myapp', stage: 'dev', namespace: 'web-dev', secret: 'myapp', cluster: 'dev' }}
      {{ project: 'myapp', stage: 'prd', namespace: 'web', secret: null, unprefixed: true }}
    ]
  }}
}}
""",
    )
    assert json.loads(str(app_settings(found)["SYNC_PLACEMENTS"])) == [
        {
            "vault": "myapp-kv",
            "project": "myapp",
            "stage": "dev",
            "namespace": "web-dev",
            "secret": "myapp",
            "cluster": "dev",
        },
        {
            "vault": "myapp-kv",
            "project": "myapp",
            "stage": "prd",
            "namespace": "web",
            "unprefixed": True,
        },
    ]
    assert app_settings(found)["SYNC_VAULTS"] == "myapp-kv"
    (entry,) = at_list(found[f"{KV}/accessPolicies/add"].properties["accessPolicies"])
    assert at(entry, "permissions") == {"secrets": ["get", "list"]}
    assert "fail(" in str(at(entry, "objectId"))
    assert not any(f"{KV}/" in key and "roleAssignments" in key for key in found)


def test_the_documents_examples(tmp_path: Path) -> None:
    """What docs/deploy.md shows can be deployed, with a network for the firewall."""
    examples = [block.text for block in blocks() if block.kind == "bicep"]
    assert len(examples) == 2
    found = made(tmp_path, NETWORK + "".join(examples).replace("SUBSCRIPTION", OTHER))
    assert f"{VAULTS}/weu-DS-AKV-shop-dev-2" in found
    assert len(json.loads(str(app_settings(found)["SYNC_PLACEMENTS"]))) == 2


def test_a_file_of_placements(tmp_path: Path) -> None:
    """The setting names the file, and names of vaults need not say where they go."""
    found = made(
        tmp_path,
        f"""
param placementsFile = 'placements.json'
param vaults = {{ 'myapp-kv': {{ resourceId: '{KV}', location: 'westeurope' }} }}
""",
    )
    assert app_settings(found)["SYNC_PLACEMENTS"] == "placements.json"


REFUSED = f"""
param exampleVault = 'weu-DS-AKV-demo-dev-1'
param placementsFile = 'placements.json'
param vaults = {{
  'weu-ds-akv-shop-prd-1': {{
    resourceId: '{KV}'
    location: 'westeurope'
    placements: [{{ namespace: 'web' }}]
  }}
}}
param projects = [
  {{ name: 'somethinglong', stage: 'dev', numbers: [1], region: 'weu' }}
  {{ name: 'shop', stage: 'dev', numbers: [3, 4, 3], region: 'weu' }}
  {{ name: 'shop', stage: 'dev', numbers: [4, 5], region: 'weu' }}
  {{ name: 'shop', stage: 'prd', numbers: [1], region: 'weu' }}
  {{ name: 'demo', stage: 'dev', numbers: [1], region: 'weu' }}
  {{ name: 'zero', stage: 'dev', numbers: [0, 100], region: 'weu' }}
  {{ name: 'a--b', stage: 'Dev', numbers: [7], region: '1eu' }}
  {{ name: 'wall', stage: 'dev', numbers: [8], region: 'weu', addresses: ['203.0.113.0/24'] }}
]
"""


def test_what_is_wrong_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """One error names all that is wrong with projects and placements."""
    told = refused(tmp_path, REFUSED)
    for sentence in (
        "The name weu-DS-AKV-somethinglong-dev-1 has 30 characters",
        "The project shop, stage dev, has a number twice.",
        "Two entries of projects make the vault weu-DS-AKV-shop-dev-4:",
        "The vault weu-DS-AKV-shop-prd-1 stands in vaults",
        "The vault weu-DS-AKV-demo-dev-1 stands in vaults or is exampleVault",
        "The number 0 of the project zero is not 1 to 99.",
        "The number 100 of the project zero is not 1 to 99.",
        "The project a--b is to be of a-z and 0-9",
        "The stage Dev of the project a--b",
        "The region 1eu of the project a--b",
        "The project wall has addresses",
        "placementsFile is given, and placements of vaults as well",
    ):
        assert sentence in told
    assert "shop-dev-3:" not in told
    assert "shop-dev-5" not in told


OFF_THE_RULE = (
    "myapp-kv",
    "weu-ds-akv-dev-1",
    "weu-ds-akv-shop-dev-0",
    "weu-ds-akv-shop-dev-100",
    "weu-ds-kv-shop-dev-1",
)
OF_THE_RULE = ("WEU-DS-AKV-my-shop-dev-99", "n1-ds-akv-shop-dev-1")


def test_both_languages_know_the_apps_rule_of_names() -> None:
    """What these names are held to is what the app takes by default."""
    variables = (FOLDER.parent / "terraform" / "variables.tf").read_text()
    (rule,) = re.findall(r'regex\("(\^\S+-ds-akv-[^"]+)", lower\(name\)\)', variables)
    for pattern in (DEFAULT_PATTERN, rule):
        assert not any(re.fullmatch(pattern, name.lower()) for name in OFF_THE_RULE)
        assert all(re.fullmatch(pattern, name.lower()) for name in OF_THE_RULE)


def test_names_off_the_rule_need_placements(tmp_path: Path) -> None:
    """Each placement of such a vault has project and stage; other vaults need none."""
    entries = [
        f"  '{name}': {{ resourceId: '{KV}', location: 'westeurope' }}"
        for name in (*OFF_THE_RULE, *OF_THE_RULE)
    ]
    half = "[{ project: 'a', stage: 'b' }, { project: 'a' }]"
    entries.append(
        f"  'half-kv': {{ resourceId: '{KV}', location: 'westeurope', placements: {half} }}"
    )
    told = refused(tmp_path, "param vaults = {\n" + "\n".join(entries) + "\n}\n")
    for name in (*OFF_THE_RULE, "half-kv"):
        assert f"The name of the vault {name} is not" in told
    for name in OF_THE_RULE:
        assert name not in told


def test_the_network_is_one_that_flex_takes(tmp_path: Path) -> None:
    """No underscore in the name of the app's subnet, and nothing else in that."""
    told = refused(tmp_path, NETWORK.replace("subnets/app'", "subnets/app_1'"))
    assert "The name of the subnet app_1 has an underscore" in told
    told = refused(tmp_path, NETWORK.replace("subnets/endpoints'", "subnets/App'"))
    assert "subnetId and privateEndpointSubnetId are one subnet" in told
    assert made(tmp_path, NETWORK.replace("/hub/", "/hub_1/"))


TWO = f"""
param vaults = {{ 'weu-DS-AKV-shop-dev-1': {{ resourceId: '{KV}', location: 'westeurope' }} }}
param projects = [{{ name: 'shop', stage: 'dev', numbers: [1, 2], region: 'neu' }}]
"""


def test_two_vaults_for_one_secret_are_refused(tmp_path: Path) -> None:
    """One project, stage and number is one Secret, wherever the vaults are."""
    told = refused(tmp_path, TWO)
    assert "The vaults weu-DS-AKV-shop-dev-1 and neu-DS-AKV-shop-dev-1 are of one project" in told
    assert "dev-2" not in told


@pytest.mark.parametrize(
    "apart",
    [
        "param settings = { SYNC_NAMESPACE: '{region}-{project}-{stage}' }",
        "param clusters = [{ name: 'n', match: { region: 'neu' }, server: 'https://10.0.0.4' }]",
    ],
    ids=["namespace", "cluster"],
)
def test_unless_the_region_tells_them_apart(apart: str, tmp_path: Path) -> None:
    """A namespace or a cluster for each region is no reason to refuse."""
    assert made(tmp_path, TWO + apart)


def test_of_settings_the_apps_alone_are_taken(tmp_path: Path) -> None:
    """One that would move the timer's clock is refused while compiling."""
    told = refused(tmp_path, "param settings = { WEBSITE_TIME_ZONE: 'Europe/Vienna' }")
    assert "WEBSITE_TIME_ZONE" in told


def test_the_cloud_is_known_and_its_suffix_its_own(tmp_path: Path) -> None:
    """Neither a made-up cloud nor another cloud's vaults are taken."""
    done = evaluated(MAIN, tmp_path, "param cloud = 'public'")
    assert done.returncode != 0
    assert "AzureUSGovernment, and not public." in done.stdout + done.stderr
    told = refused(
        tmp_path, "param settings = { SYNC_VAULT_DNS_SUFFIX: 'vault.usgovcloudapi.net' }"
    )
    assert "SYNC_VAULT_DNS_SUFFIX is not that of the cloud AzureCloud" in told
