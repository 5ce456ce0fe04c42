"""The adapter of vaults' resources against the local resource manager."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local import arm
from local.stack import SUBSCRIPTION, Stack, local_stack
from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.adapters.azure.vault_resources import VaultDetails
from sync.core.errors import Permanent
from sync.doctor.vault_resources import (
    Network,
    PermissionMode,
    Unseen,
    VaultProperties,
    VaultResource,
)
from tests.kit.apps import NAMING
from tests.kit.scripted import soon

VAULT = "weu-DS-AKV-shop-dev-1"
SOUND = VaultProperties(
    PermissionMode.RBAC,
    soft_delete_days=90,
    purge_protection=True,
    network=Network.PUBLIC,
    network_rules=0,
    trusted_services=True,
)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Start the stack, with one vault."""
    with local_stack(tmp_path) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        stack.vault(VAULT)
        yield stack


def read(*subscriptions: str) -> VaultResource:
    """Return how the vault is set up."""
    with ManagedIdentityCredential(retry_total=0) as credential:
        client = ResourceManager(credential)
        try:
            return VaultDetails(client, subscriptions).read(NAMING.vault(VAULT), soon())
        finally:
            client.close()


def test_a_new_vault_is_set_up_well(stack: Stack) -> None:
    """As the deployment makes them: everything that protects a vault is on."""
    assert read(SUBSCRIPTION) == VaultResource(SOUND, ("audit",))
    counted = stack.resource_manager.requests
    assert (counted["graph"], counted["vault"], counted["settings"]) == (1, 1, 1)


def test_what_is_changed_shows(stack: Stack) -> None:
    """The properties and settings of one vault, and of no other."""
    manager, vault = stack.resource_manager, stack.vaults[VAULT].resource_id
    other = stack.vault("weu-DS-AKV-shop-dev-2").resource_id
    acls = {"defaultAction": "Deny", "bypass": "None", "ipRules": [{"value": "192.0.2.0/24"}]}
    manager.set_up_vault(vault, enableRbacAuthorization=None, networkAcls=acls)
    manager.set_diagnostics(vault, metrics={}, off={"AuditEvent": False}, on={"AuditEvent": True})
    assert read() == VaultResource(
        VaultProperties(
            PermissionMode.ACCESS_POLICIES,
            soft_delete_days=90,
            purge_protection=True,
            network=Network.FIREWALL,
            network_rules=1,
            trusted_services=False,
        ),
        ("on",),
    )
    properties = manager.vault(other)["properties"]
    assert isinstance(properties, dict)
    assert properties["enableRbacAuthorization"] is True
    assert [each["name"] for each in manager.diagnostic_settings(other)] == ["audit"]


def test_reader_shows_it(stack: Stack) -> None:
    """Without the role neither a search nor a read shows the vault, and one that is gone is not."""
    manager, vault = stack.resource_manager, stack.vaults[VAULT].resource_id
    manager.reader(SUBSCRIPTION, granted=False)
    assert isinstance(read().properties, Unseen)
    for ask in (manager.vault, manager.diagnostic_settings):
        with pytest.raises(arm.RefusedError, match="does not have authorization") as hidden:
            ask(vault)
        assert hidden.value.status == 403
    manager.reader(SUBSCRIPTION, granted=True)
    with pytest.raises(arm.RefusedError, match="was not found"):
        manager.vault(f"{vault}x")


@pytest.mark.parametrize("path", ["", "/providers/Microsoft.Insights/diagnosticSettings"])
def test_another_version_of_the_interface_is_refused(stack: Stack, path: str) -> None:
    """Each read has its own version, as at Azure."""
    vault = stack.vaults[VAULT].resource_id
    question = Question(f"{vault}{path}", "2016-10-01", "forbidden", "missing", method="GET")
    with ManagedIdentityCredential(retry_total=0) as credential:
        client = ResourceManager(credential)
        with pytest.raises(Permanent, match="400"):
            client.ask(question, soon())
        client.close()
