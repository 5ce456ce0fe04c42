"""Reads a plan of Terraform as the deployment that it makes, told as Bicep's is."""

import json
from collections.abc import Callable, Iterator, Mapping

from tests.infra.bicep_files import Value
from tests.infra.deployments import OWN, Deployment, Role, custom_role
from tests.infra.deployments.terraform import Plan

type Fields = Mapping[str, Value]

_GROUPS = f"/subscriptions/{OWN}/resourceGroups"
_DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"


def by_terraform(plan: Plan, principals: Mapping[str, str]) -> Deployment:
    """Return what the plan makes; `principals` tells what each made-up object id is.

    Of what azurerm makes only ids are told, since it spells the rest in its own way.
    """
    made = list(_made(plan))
    definitions = {
        str(after["role_definition_id"]): custom_role(str(after["name"]))
        for kind, after in made
        if kind == "azurerm_role_definition"
    }
    resources: dict[str, Value] = {}
    roles: set[Role] = set()
    for kind, after in made:
        if kind == "azurerm_role_assignment":
            roles.add(_role(after, definitions))
        else:
            resources.update(_READERS[kind](after))
    return Deployment(
        {key: _told(value, principals) for key, value in resources.items()},
        frozenset(
            Role(each.scope, each.role, principals.get(each.principal, each.principal), each.kind)
            for each in roles
        ),
    )


def _made(plan: Plan) -> Iterator[tuple[str, dict[str, Value]]]:
    changes = plan["resource_changes"]
    assert isinstance(changes, list)
    for each in changes:
        if each["mode"] == "managed" and each["type"] != "terraform_data":
            assert each["change"]["actions"] == ["create"]
            yield each["type"], each["change"]["after"]


def _told(value: Value, principals: Mapping[str, str]) -> Value:
    text = json.dumps(value)
    for made_up, told in principals.items():
        text = text.replace(made_up, told)
    known: Value = json.loads(text)
    return known


def _role(after: Fields, definitions: Mapping[str, str]) -> Role:
    role = str(after["role_definition_id"]).rpartition("/")[2]
    return Role(
        str(after["scope"]),
        definitions.get(role, role),
        str(after["principal_id"]),
        str(after["principal_type"]),
    )


def _azapi(after: Fields) -> Iterator[tuple[str, Value]]:
    kind, _, version = str(after["type"]).partition("@")
    parent, name = str(after["parent_id"]), str(after["name"])
    _, *segments = kind.split("/")
    middle = segments[-1] if len(segments) > 1 else f"providers/{kind}"
    body = after["body"]
    assert isinstance(body, dict)
    fields: dict[str, Value] = {"apiVersion": version, **body}
    for field in ("location", "tags"):
        if len(segments) == 1 and after.get(field) is not None:  # parts of resources have neither
            fields[field] = after[field]
    identities = after.get("identity") or []
    assert isinstance(identities, list)
    for identity in identities:
        assert isinstance(identity, dict)
        fields["identity"] = {"type": identity["type"], **_assigned(identity)}
    resource_id = f"{parent}/{middle}/{name}"
    if kind == "Microsoft.Web/sites":
        yield from _settings(resource_id, fields)
    yield resource_id, fields


def _assigned(identity: Fields) -> dict[str, Value]:
    ids = identity.get("identity_ids") or []
    assert isinstance(ids, list)
    return {"userAssignedIdentities": {str(each): {} for each in ids}} if ids else {}


def _settings(site: str, fields: dict[str, Value]) -> Iterator[tuple[str, Value]]:
    """Take the settings out of the site, as the resource that Bicep makes of them."""
    properties = fields["properties"]
    assert isinstance(properties, dict)
    config = properties["siteConfig"]
    assert isinstance(config, dict)
    settings = config.pop("appSettings")
    assert isinstance(settings, list)
    told: dict[str, Value] = {}
    for each in settings:
        assert isinstance(each, dict)
        told[str(each["name"])] = each["value"]
    yield f"{site}/config/appsettings", {"apiVersion": fields["apiVersion"], "properties": told}


def _action(after: Fields) -> Iterator[tuple[str, Value]]:
    if after.get("when") != "destroy":
        body = after["body"]
        assert isinstance(body, dict)
        version = str(after["type"]).partition("@")[2]
        yield f"{after['resource_id']}/{after['action']}", {"apiVersion": version, **body}


def _group(after: Fields) -> Iterator[tuple[str, Value]]:
    yield f"{_GROUPS}/{after['name']}", None


def _definition(after: Fields) -> Iterator[tuple[str, Value]]:
    yield f"{_DEFINITIONS}/{after['role_definition_id']}", None


def _link(after: Fields) -> Iterator[tuple[str, Value]]:
    yield f"{after['private_dns_zone_id']}/virtualNetworkLinks/{after['name']}", None


def _endpoint(after: Fields) -> Iterator[tuple[str, Value]]:
    ((endpoint, _),) = _in_group("Microsoft.Network/privateEndpoints")(after)
    yield endpoint, None
    groups = after["private_dns_zone_group"]
    assert isinstance(groups, list)
    for group in groups:
        assert isinstance(group, dict)
        yield f"{endpoint}/privateDnsZoneGroups/{group['name']}", None


def _in_group(kind: str) -> Callable[[Fields], Iterator[tuple[str, Value]]]:
    def read(after: Fields) -> Iterator[tuple[str, Value]]:
        yield f"{_GROUPS}/{after['resource_group_name']}/providers/{kind}/{after['name']}", None

    return read


_READERS = {
    "azapi_resource": _azapi,
    "azapi_update_resource": _azapi,
    "azapi_resource_action": _action,
    "azurerm_resource_group": _group,
    "azurerm_role_definition": _definition,
    "azurerm_private_dns_zone_virtual_network_link": _link,
    "azurerm_private_endpoint": _endpoint,
    "azurerm_private_dns_zone": _in_group("Microsoft.Network/privateDnsZones"),
    "azurerm_user_assigned_identity": _in_group("Microsoft.ManagedIdentity/userAssignedIdentities"),
    "azurerm_monitor_action_group": _in_group("Microsoft.Insights/actionGroups"),
    "azurerm_monitor_scheduled_query_rules_alert_v2": _in_group(
        "Microsoft.Insights/scheduledQueryRules"
    ),
}
