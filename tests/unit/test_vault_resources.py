"""How a vault is set up, by what Azure answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.resource_manager import PUBLIC_CLOUD, ResourceManager
from sync.adapters.azure.vault_resources import VaultDetails
from sync.core.errors import SyncError
from sync.doctor.vault_resources import (
    Network,
    PermissionMode,
    Unseen,
    VaultProperties,
    VaultResource,
    VaultResources,
)
from tests.kit.fakes import vault_name
from tests.kit.scripted import Answer, Request, Scripted, behind_proxy, said, soon
from tests.kit.tokens import Token
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

HOME = "00000000-0000-4000-8000-000000000001"
VAULT, OTHER = vault_name(), vault_name("weu-ds-akv-shop-prod-1")
GROUP = f"/subscriptions/{HOME}/resourceGroups/rg.shop-ü_(1)/providers"
VAULT_ID = f"{GROUP}/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
OTHER_ID = f"{GROUP}/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-prod-1"
SOUND: dict[str, object] = {
    "enableRbacAuthorization": True,
    "enableSoftDelete": True,
    "softDeleteRetentionInDays": 30,
    "enablePurgeProtection": True,
    "publicNetworkAccess": "Enabled",
}
READ = VaultProperties(PermissionMode.RBAC, 30, True, Network.PUBLIC, 0, True)  # noqa: FBT003


def row(resource_id: str) -> dict[str, object]:
    """Return a row of a search."""
    name = resource_id.rpartition("/")[2]
    return {"id": resource_id, "name": name, "subscriptionId": HOME}


def vault(**properties: object) -> Answer:
    """Return a vault; a property that is None is absent."""
    told = {name: value for name, value in {**SOUND, **properties}.items() if value is not None}
    return Answer(body={"id": VAULT_ID, "properties": told})


def settings(**logs: list[dict[str, object]]) -> Answer:
    """Return diagnostic settings by name."""
    entries = [{"name": name, "properties": {"logs": each}} for name, each in logs.items()]
    return Answer(body={"value": entries})


def log(
    category: str | None = None, group: str | None = None, *, on: bool = True
) -> dict[str, object]:
    """Return an entry of a diagnostic setting."""
    return {"category": category, "categoryGroup": group, "enabled": on}


def refused(status: int, code: str = "AuthorizationFailed") -> Answer:
    """Return a refusal, with a value where none should be."""
    return Answer(status, {"error": {"code": code, "message": PLANTED}})


@dataclass(slots=True)
class Azure:
    """What Azure answers, and what it was asked."""

    found: list[dict[str, object]] | Answer = field(
        default_factory=lambda: [row(VAULT_ID), row(OTHER_ID)]
    )
    vault: Answer = field(default_factory=vault)
    settings: Answer = field(default_factory=settings)
    closed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer a search or a read."""
        self.asked.append(request.path)
        if request.method == "GET":
            return self.settings if "diagnosticSettings" in request.path else self.vault
        scope = json.loads(request.body).get("subscriptions", [])
        if self.closed & set(scope):
            return refused(403)
        if isinstance(self.found, Answer):
            return self.found
        return Answer(body={"data": self.found, "resultTruncated": "false"})


@pytest.fixture
def azure(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Azure]:
    """Serve Azure behind the proxy."""
    azure = Azure()
    hosts = {PUBLIC_CLOUD: Scripted([azure.answer]).app()}
    with behind_proxy(servers, authority, tmp_path, hosts):
        yield azure


@pytest.fixture
def arm() -> Iterator[ResourceManager]:
    """Make the client."""
    arm = ResourceManager(Token())
    yield arm
    arm.close()


def read(arm: ResourceManager, *subscriptions: str) -> VaultResource:
    """Return how the vault is set up; nothing of it repeats what Azure keeps secret."""
    resources: VaultResources = VaultDetails(arm, subscriptions)
    told = resources.read(VAULT, soon())
    assert leaks(repr(told)) == []
    return told


def properties(arm: ResourceManager) -> VaultProperties:
    """Return its properties, which can be read."""
    told = read(arm).properties
    assert isinstance(told, VaultProperties)
    return told


def test_a_vault_costs_two_calls_and_all_vaults_one_search(
    azure: Azure, arm: ResourceManager
) -> None:
    """The vault at its own version of the interface, its settings, and no further search."""
    details = VaultDetails(arm)
    azure.settings = settings(logs=[log("AuditEvent")])
    assert details.read(VAULT, soon()) == VaultResource(READ, ("logs",))
    assert len(azure.asked) == 3
    assert azure.asked[1].endswith("/vaults/weu-DS-AKV-shop-dev-1?api-version=2026-02-01")
    assert azure.asked[2].endswith(
        "/providers/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview"
    )
    details.read(OTHER, soon())
    assert len(azure.asked) == 5
    assert "shop-prod-1" in azure.asked[3]


@pytest.mark.parametrize("value", [False, None, "true"], ids=["off", "absent", "a word"])
def test_a_vault_without_rbac_has_access_policies(
    azure: Azure, arm: ResourceManager, value: object
) -> None:
    """Only a true enableRbacAuthorization means roles."""
    azure.vault = vault(enableRbacAuthorization=value)
    assert properties(arm).permissions is PermissionMode.ACCESS_POLICIES


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({}, 30),
        ({"softDeleteRetentionInDays": None}, 90),
        ({"enableSoftDelete": False}, None),
        ({"enableSoftDelete": None}, None),
    ],
    ids=["days", "without days", "off", "absent"],
)
def test_soft_delete_has_days_or_is_off(
    azure: Azure, arm: ResourceManager, given: dict[str, object], days: int | None
) -> None:
    """What is absent is not switched on; days that are absent are the service's 90."""
    azure.vault = vault(**given)
    assert properties(arm).soft_delete_days == days


@pytest.mark.parametrize("value", [False, None])
def test_purge_protection_is_on_or_not(azure: Azure, arm: ResourceManager, value: object) -> None:
    """An absent one is off."""
    azure.vault = vault(enablePurgeProtection=value)
    assert not properties(arm).purge_protection


@pytest.mark.parametrize(
    ("given", "network", "rules", "trusted"),
    [
        ({}, Network.PUBLIC, 0, True),
        ({"publicNetworkAccess": None}, Network.PUBLIC, 0, True),
        ({"networkAcls": {"defaultAction": "Allow", "bypass": "None"}}, Network.PUBLIC, 0, False),
        (
            {
                "networkAcls": {
                    "defaultAction": "deny",
                    "bypass": "AzureServices",
                    "ipRules": [{"value": "192.0.2.0/24"}, {"value": "192.0.2.1"}],
                    "virtualNetworkRules": [{"id": "subnet"}],
                }
            },
            Network.FIREWALL,
            3,
            True,
        ),
        (
            {"publicNetworkAccess": "disabled", "networkAcls": {"bypass": "None"}},
            Network.PRIVATE,
            0,
            False,
        ),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, Network.PERIMETER, 0, True),
    ],
    ids=["enabled", "absent", "open", "firewall", "private", "perimeter"],
)
def test_whose_calls_reach_it(  # noqa: PLR0913, PLR0917 - a table's columns
    azure: Azure,
    arm: ResourceManager,
    given: dict[str, object],
    network: Network,
    rules: int,
    trusted: bool,  # noqa: FBT001 - likewise
) -> None:
    """Everybody's, those by the firewall's rules, or those by private endpoints."""
    azure.vault = vault(**given)
    told = properties(arm)
    assert (told.network, told.network_rules, told.trusted_services) == (network, rules, trusted)


@pytest.mark.parametrize(
    ("entry", "passes"),
    [
        (log("AuditEvent"), True),
        (log("auditevent"), True),
        (log(group="audit"), True),
        (log(group="allLogs"), True),
        (log("AuditEvent", on=False), False),
        (log("AzurePolicyEvaluationDetails"), False),
        (log(group="other"), False),
    ],
    ids=["category", "in lower case", "group", "all logs", "off", "another", "another group"],
)
def test_which_settings_pass_audit_events_on(
    azure: Azure, arm: ResourceManager, entry: dict[str, object], *, passes: bool
) -> None:
    """The category, or a group that has it, if it is enabled; a setting may have others too."""
    azure.settings = settings(other=[log("Other")], one=[log("Other"), entry], none=[])
    assert read(arm).audit == (("one",) if passes else ())


@pytest.mark.parametrize("status", [403, 404])
def test_what_may_not_be_read_is_unseen(azure: Azure, arm: ResourceManager, status: int) -> None:
    """One refusal hides one thing, and the right that would show it is named."""
    azure.vault = refused(status)
    azure.settings = settings(logs=[log("AuditEvent")])
    told = read(arm)
    assert isinstance(told.properties, Unseen)
    assert "Microsoft.KeyVault/vaults/read" in told.properties.why
    assert told.audit == ("logs",)
    azure.vault, azure.settings = vault(), refused(status)
    told = read(arm)
    assert isinstance(told.audit, Unseen)
    assert "Microsoft.Insights/diagnosticSettings/read" in told.audit.why
    assert told.properties == READ


@pytest.mark.parametrize(
    "found",
    [[], refused(403), refused(400, "NoValidSubscriptionsInQueryRequest")],
    ids=["empty", "forbidden", "no subscription"],
)
def test_a_vault_that_no_search_shows_is_unseen(
    azure: Azure, arm: ResourceManager, found: list[dict[str, object]] | Answer
) -> None:
    """The remedy is the role that shows it; nothing of the vault is asked."""
    azure.found = found
    if isinstance(found, Answer) and found.status == 400:
        azure.found = Answer(
            400,
            {
                "error": {
                    "code": "BadRequest",
                    "message": PLANTED,
                    "details": [{"code": "NoValidSubscriptionsInQueryRequest"}],
                }
            },
        )
    told = read(arm)
    assert isinstance(told.properties, Unseen)
    assert told.properties == told.audit
    assert "takes Reader on the vault" in told.properties.why
    assert len(azure.asked) == 1


def test_a_vault_elsewhere_is_found(azure: Azure, arm: ResourceManager) -> None:
    """The subscriptions of the settings are searched first, then all that the identity sees."""
    azure.closed = {HOME}
    assert read(arm, HOME).properties == READ
    assert len(azure.asked) == 4


@pytest.mark.parametrize(
    ("part", "answer", "reason"),
    [
        ("found", refused(429), "ResourceManagerThrottled"),
        ("found", Answer(body={"data": [row("/subscriptions/x/vaults/y")]}), None),
        ("vault", Answer(body={"properties": PLANTED}), None),
        ("vault", refused(429), "ResourceManagerThrottled"),
        ("vault", refused(401), "ResourceManagerUnauthorized"),
        ("settings", Answer(body=[PLANTED]), None),
        ("settings", Answer(body={"value": [{"properties": {"logs": [log("AuditEvent")]}}]}), None),
    ],
    ids=["busy search", "foreign id", "no vault", "busy", "no token", "no list", "no name"],
)
def test_other_failures_are_raised(
    azure: Azure, arm: ResourceManager, part: str, answer: Answer, reason: str | None
) -> None:
    """They are not taken for missing rights, and repeat no text of Azure's."""
    if answer.status == 200 and part == "found":
        assert isinstance(answer.body, dict)
        answer = Answer(body={**answer.body, "resultTruncated": "false"})
    setattr(azure, part, answer)
    with pytest.raises(SyncError) as caught:
        read(arm)
    said(caught.value)
    assert caught.value.reason == (reason or "ResourceManagerAnswerBroken")


def test_a_search_that_failed_is_not_made_again(azure: Azure, arm: ResourceManager) -> None:
    """A thousand vaults do not ask a thousand times what the first could not learn."""
    azure.found = refused(401)
    details = VaultDetails(arm)
    for each in (VAULT, OTHER, VAULT):
        with pytest.raises(SyncError, match="401"):
            details.read(each, soon())
    assert len(azure.asked) == 1
