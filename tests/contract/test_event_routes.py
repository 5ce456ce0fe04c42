"""The adapter of event subscriptions against the local stack, whose events they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local import arm
from local.event_grid import Subscription
from local.faults import Fault
from local.stack import SUBSCRIPTION, Stack, local_stack
from sync.adapters.azure.app_site import AppSite
from sync.adapters.azure.event_subscriptions import EventSubscriptions
from sync.adapters.azure.resource_manager import ResourceManager
from sync.doctor.event_routes import EventRoute
from tests.kit.apps import NAMING
from tests.kit.scripted import soon
from tests.kit.site import Clock, new_vault

VAULT = "weu-DS-AKV-shop-dev-1"
HOST = "127.0.0.1:7071"
WEBHOOK = f"http://{HOST}/runtime/webhooks/eventgrid?functionName=key_vault_event&code=secret-key"


@dataclass(frozen=True, slots=True)
class World:
    """The stack, and the adapter in its environment."""

    stack: Stack
    client: ResourceManager

    def found(self, vault: str = VAULT) -> EventRoute:
        """Return how the vault's events reach the app."""
        routes = EventSubscriptions(self.client, AppSite(host=HOST), [SUBSCRIPTION])
        return routes.find(NAMING.vault(vault), soon())

    def deliver(self, name: str = "key-vault-sync", url: str = WEBHOOK) -> None:
        """Have Event Grid deliver there."""
        self.stack.grid.subscribe(Subscription(name, url))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Start the stack, with one vault."""
    with local_stack(tmp_path) as stack:
        for name, value in stack.environment.items():
            monkeypatch.setenv(name, value)
        stack.vault(VAULT)
        with ManagedIdentityCredential(retry_total=0) as credential:
            client = ResourceManager(credential)
            yield World(stack, client)
            client.close()


def test_what_the_grid_delivers_leads_to_the_app(world: World) -> None:
    """The route is there from the subscription on, until its end, and no key is told."""
    topic = f"system topic 'key-vault-sync-{VAULT}'"
    note = f"Vault {VAULT.lower()} has {topic}, but no event subscription."
    assert world.found() == EventRoute(SUBSCRIPTION, leads_here=False, note=note)
    world.deliver(url="http://127.0.0.1:7072/runtime/webhooks/eventgrid")
    assert world.found().leads_here is False
    world.deliver()
    note = f"Event subscription 'key-vault-sync' of {topic} leads to this app."
    assert world.found() == EventRoute(SUBSCRIPTION, leads_here=True, note=note)
    world.stack.grid.unsubscribe("key-vault-sync")
    assert world.found().leads_here is False


def test_every_page_is_served(world: World) -> None:
    """However few event subscriptions a page holds, the one that leads here is found."""
    world.stack.resource_manager.page_size = 2
    for number in range(5):
        world.deliver(f"other-{number}", f"http://other-{number}.example")
    world.deliver()
    assert world.found().leads_here


def test_a_silent_vault_has_no_topic(world: World) -> None:
    """Of a vault whose events go nowhere the stack shows none."""
    world.deliver()
    silent = "weu-ds-akv-shop-dev-2"
    new_vault(world.stack, silent, Clock(), silent=True)
    note = f"Vault {silent} has no system topic and no event subscription."
    assert world.found(silent) == EventRoute(SUBSCRIPTION, leads_here=False, note=note)
    assert world.found().leads_here


def test_a_vaults_own_subscription_is_served(world: World) -> None:
    """It stands beside those of the topic, whether or not there is a topic."""
    vault = world.stack.vaults[VAULT].resource_id
    world.stack.resource_manager.remove_topic(vault)
    world.stack.resource_manager.put_own_subscriptions(
        vault, lambda: [arm.webhook("own", WEBHOOK, "EventGridSchema")]
    )
    assert world.found().note == "Event subscription 'own' of the vault itself leads to this app."


def test_without_reader_nothing_is_checked(world: World) -> None:
    """What the identity may not see is "not checked", wherever the refusal comes."""
    world.deliver()
    world.stack.resource_manager.reader(SUBSCRIPTION, granted=False)
    route = world.found()
    assert (route.subscription, route.leads_here) == (None, None)
    world.stack.resource_manager.reader(SUBSCRIPTION, granted=True)
    heal = world.stack.resource_manager.plan(Fault(403), None, "/eventSubscriptions")
    route = world.found()
    assert (route.subscription, route.leads_here) == (SUBSCRIPTION, None)
    assert "needs Reader on /subscriptions/" in route.note
    heal()
    assert world.found().leads_here


def test_the_lists_take_reader_too(world: World) -> None:
    """Who asks for a list directly is refused like a search, and an absent vault is not found."""
    manager = world.stack.resource_manager
    vault = world.stack.vaults[VAULT].resource_id
    assert manager.event_subscriptions(vault) == []
    with pytest.raises(arm.RefusedError, match="was not found") as absent:
        manager.event_subscriptions(f"{vault}x")
    manager.reader(SUBSCRIPTION, granted=False)
    with pytest.raises(arm.RefusedError, match="eventSubscriptions/read") as hidden:
        manager.event_subscriptions(vault)
    assert (absent.value.status, hidden.value.status) == (404, 403)
