"""What the app makes of events that it should not act on: acknowledged, said why, nothing done."""

import pytest

from tests.functional.world import Place, World
from tests.leaks.dye import value

ELSEWHERE = "00000000-0000-4000-8000-00000000beef"


@pytest.fixture
def place(world: World) -> Place:
    """Return a vault with a secret of which no event has come."""
    return world.filled("key", silent=True)


def with_subscription(place: Place, subscription: str) -> str:
    """Return the vault's resource id as it would be in another subscription."""
    return "/".join([*place.vault.resource_id.split("/")[:2], subscription, *_rest(place)])


def _rest(place: Place) -> list[str]:
    return place.vault.resource_id.split("/")[3:]


@pytest.mark.parametrize(
    "event_type",
    [
        "Microsoft.KeyVault.KeyNewVersionCreated",
        "Microsoft.KeyVault.VaultAccessPolicyChanged",
        "Microsoft.Storage.BlobCreated",
    ],
)
def test_other_event_types_are_ignored(world: World, place: Place, event_type: str) -> None:
    """An event that is no secret's new version is acknowledged, named in the log and left."""
    assert world.deliver(place.event("key", eventType=event_type)) == 202
    assert world.refused("INFO", "EventTypeIgnored", event_type)
    assert place.data() is None


@pytest.mark.parametrize(
    "broken",
    [
        {"topic": "elsewhere"},
        {"data": {}},
    ],
    ids=str,
)
def test_malformed_events_are_acknowledged_at_error(
    world: World, place: Place, broken: dict[str, object]
) -> None:
    """An event that cannot be read never becomes readable: it is dropped with an error."""
    assert world.deliver(place.event("key") | broken) == 202
    assert world.refused("ERROR", "EventMalformed", "Expected is one Key Vault event")
    assert place.data() is None


@pytest.mark.parametrize("event", ["text", 7, {"specversion": "1.0"}], ids=str)
def test_what_is_no_event_at_all_is_acknowledged_at_error(world: World, event: object) -> None:
    """Neither text, numbers nor empty objects fail the function."""
    assert world.deliver(event) == 202
    assert world.refused("ERROR", "EventMalformed")


@pytest.mark.parametrize("name", ["../../evil", "a" * 128, "ключ", "a.b", "a%2fb"])
def test_names_that_key_vault_does_not_allow_are_refused(
    world: World, place: Place, name: str
) -> None:
    """A secret's name off Key Vault's rule is never asked for."""
    place.vault.reset_requests()
    assert world.deliver(place.event(name)) == 202
    assert world.refused("ERROR", "EventMalformed", "ObjectName")
    assert not place.vault.requests()


def test_an_oversized_event_is_refused(world: World, place: Place) -> None:
    """An event over 64 KiB is dropped unread, and the log does not repeat it."""
    assert world.deliver(place.event("key", padding="y" * 70_000)) == 202
    assert world.refused("ERROR", "EventMalformed", "65536")
    assert "y" * 1000 not in world.log()
    assert place.data() is None


def test_an_event_whose_topic_is_another_vault_is_refused(world: World, place: Place) -> None:
    """Topic and data must name the same vault, or nothing is looked at."""
    other = world.place()
    event = place.event("key", topic=other.vault.resource_id)
    assert world.deliver(event) == 202
    assert world.refused("ERROR", "EventMismatch", place.vault.name, other.vault.name)
    assert place.data() is None
    assert other.data() is None


def test_an_event_of_a_foreign_subscription_is_refused(world: World, place: Place) -> None:
    """Only the subscriptions of SYNC_SUBSCRIPTIONS may send events; the log says which did."""
    assert world.deliver(place.event("key", topic=with_subscription(place, ELSEWHERE))) == 202
    assert world.refused("WARNING", "SubscriptionNotAllowed", ELSEWHERE, "SYNC_SUBSCRIPTIONS")
    assert place.data() is None


def test_without_subscriptions_every_event_is_refused(world: World, place: Place) -> None:
    """An app of passes alone acknowledges events and says which setting is missing."""
    with world.app(place, SYNC_SUBSCRIPTIONS="") as app:
        assert app.deliver(place.event("key")) == 202
        assert world.refused("WARNING", "SubscriptionsUnset", "SYNC_SUBSCRIPTIONS")
        assert place.data() is None
        assert app.get("/api/health").status == 200
        assert app.timer == 202
    assert place.data() == place.wanted()


def test_an_app_that_knows_nothing_acknowledges_nothing(world: World, place: Place) -> None:
    """Without subscriptions and vaults events and passes fail, and the app says it is not well."""
    with world.app(SYNC_SUBSCRIPTIONS="") as app:
        assert app.deliver(place.event("key")) == 500
        assert world.logged("ERROR", "event: ", "NothingKnown", "SYNC_SUBSCRIPTIONS")
        assert app.timer == 500
        health = app.get("/api/health")
        assert (health.status, health.body) == (503, {"status": "misconfigured"})
        assert place.data() is None
        app.bring(place)


@pytest.mark.parametrize("covered", [True, False])
def test_what_no_pass_would_make_good_is_not_acknowledged(
    world: World, place: Place, *, covered: bool
) -> None:
    """The timer tries its vaults again; of any other one the event is all that there is."""
    place.stack.cluster.delete_namespace(place.namespace)
    with world.app(*([place] if covered else [])) as app:
        assert app.deliver(place.event("key")) == (202 if covered else 500)
        assert app.logged("ERROR", "event: ", "NamespaceMissing", place.name)
        place.stack.cluster.create_namespace(place.namespace)
        assert (app.timer if covered else app.deliver(place.event("key"))) == 202
    assert place.data() == place.wanted()


def test_one_secrets_own_fault_is_acknowledged_outside_of_passes(
    world: World, place: Place
) -> None:
    """Wrong tags and values are the team's to mend: nothing is delivered again for them."""
    tagged = place.vault.set_secret("tagged", value(), tags={"k8s-type": "nonsense"})
    broken = place.vault.set_secret("broken", value(), tags={"k8s-expand": "json"})
    for name, version, reason in (
        ("tagged", tagged.version, "TagWrong"),
        ("broken", broken.version, "ValueNotOfFormat"),
    ):
        assert world.deliver(place.event(name, version)) == 202
        assert world.logged("ERROR", "event: ", reason, place.name)
    assert list(place.data() or {}) == ["key"]


@pytest.mark.parametrize("name", ["weu-akv-shop-dev-1", "weu-ds-akv-shop-dev-0", "plain-vault"])
def test_a_vault_off_the_pattern_is_ignored(world: World, name: str) -> None:
    """Vaults of the subscription that are not the platform's are acknowledged and left alone."""
    vault = world.stack.vault(name)
    vault.set_secret("key", value())
    world.settle()
    assert world.refused("WARNING", "VaultNameOffPattern", name, "SYNC_VAULT_PATTERN")
    assert not vault.requests()


@pytest.mark.parametrize(("project", "stage"), [("kube", "system"), ("kube", "public")])
def test_a_protected_namespace_is_never_written(world: World, project: str, stage: str) -> None:
    """A vault whose name leads to a namespace of Kubernetes itself is refused at error."""
    place = world.filled("key", name=f"w-DS-AKV-{project}-{stage}-1", namespace=False)
    world.settle()
    assert world.refused("ERROR", "NamespaceProtected", f"{project}-{stage}", "rename")
    answer = world.resync(place, removals=True, takeover=True, refetch=True)
    assert answer.status == 422
    assert place.data() is None


def test_an_event_reaches_no_other_host(world: World, place: Place) -> None:
    """The vault's address is made of its name: the event's Id is not followed."""
    data = {
        "Id": "https://evil.example/secrets/key/1",
        "VaultName": place.vault.name,
        "ObjectName": "key",
    }
    assert world.deliver(place.event("key", data=data)) == 202
    assert place.data() == place.wanted()
