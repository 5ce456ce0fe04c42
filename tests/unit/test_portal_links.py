"""The link to the vault in the portal: which address it has, when it comes, stays and goes."""

from dataclasses import replace

import pytest

from sync.adapters.azure.portal import vault_page
from sync.core.errors import Transient
from sync.core.model import STATE_ANNOTATION, VaultName
from sync.core.reasons import Reason
from sync.projection.rules import Rules
from sync.reconcile.marks import LINK_ANNOTATION
from sync.settings.environment import SettingsError, read
from tests.kit.world import World

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TENANT = "00000000-0000-4000-8000-000000000002"
VAULT_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg_shop.(1)/providers/Microsoft.KeyVault"
    "/vaults/weu-DS-AKV-shop-dev-1"
)
PAGE = f"https://portal.azure.com/#@{TENANT}/resource{VAULT_ID}"
MOVED = PAGE.replace("rg_shop", "rg_till")
LINKED = Rules(portal_links=True)
LINK = ("annotation", LINK_ANNOTATION)


def seen(world: World, page: str | None, rules: Rules = LINKED) -> World:
    """Return the same world, in which searches found this page."""

    def pages(vault: VaultName) -> str | None:
        assert vault == world.vault
        return page

    return replace(world, reconciler=replace(world.reconciler, rules=rules, pages=pages))


def linked(page: str | None = PAGE) -> World:
    """Return a world with an own and a further Secret, in step."""
    world = seen(World.new(rules=LINKED), page)
    world.put("a", "a's value")
    world.put("b", "b's value", secret="x")
    world.settle()
    return world


def link(world: World, word: str = "") -> str | None:
    """Return the link of a Secret."""
    target = world.other(word) if word else world.target
    found = world.cluster.secrets[target.place].part("annotation").get(LINK_ANNOTATION)
    return None if found is None else found.decode()


def assert_quiet(world: World) -> None:
    """Check that a pass over what is in step fetches and writes nothing."""
    world.settle()
    world.sweep()
    assert {call.verb for call in world.wire.calls} == {"read", "list"}


@pytest.mark.parametrize(
    ("suffix", "portal"),
    [
        ("vault.azure.net", "portal.azure.com"),
        ("vault.azure.cn", "portal.azure.cn"),
        ("vault.usgovcloudapi.net", "portal.azure.us"),
    ],
)
def test_each_cloud_has_its_portal(suffix: str, portal: str) -> None:
    """The address is the portal's, the tenant's and the resource's."""
    assert vault_page(suffix, VAULT_ID, TENANT) == PAGE.replace("portal.azure.com", portal)


@pytest.mark.parametrize(
    ("suffix", "resource_id", "tenant", "page"),
    [
        ("vault.azure.net", VAULT_ID, "", PAGE.replace(TENANT, "")),
        ("vault.azure.net", VAULT_ID, "evil/resource", PAGE.replace(TENANT, "")),
        ("vault.azure.net", VAULT_ID.replace("shop.", "sh\u00f6p"), TENANT, None),
        ("vault.azure.net", VAULT_ID + "/secrets", TENANT, None),
        ("vault.azure.net", VAULT_ID.replace("rg_shop", "a#b"), TENANT, None),
        ("vault.azure.net", VAULT_ID.replace("rg_shop", "a b"), TENANT, None),
        ("vault.azure.net", "weu-ds-akv-shop-dev-1", TENANT, None),
        ("vault.example", VAULT_ID, TENANT, None),
    ],
)
def test_an_address_is_only_made_of_a_resource_id(
    suffix: str, resource_id: str, tenant: str, page: str | None
) -> None:
    """What is no vault's id makes no link; letters beyond ASCII are encoded."""
    found = vault_page(suffix, resource_id, tenant)
    if "\u00f6" in resource_id:
        page = PAGE.replace("shop.", "sh%C3%B6p", 1)
    assert found == page


def test_the_setting_needs_a_search_and_a_known_cloud() -> None:
    """A link that could never be known is a wrong setting, with what to do."""
    discovery = {"SYNC_DISCOVERY": "resource-graph", "SYNC_SUBSCRIPTIONS": SUBSCRIPTION}
    assert read({"SYNC_PORTAL_LINKS": "azure", **discovery}).rules.portal_links
    assert not read({"SYNC_PORTAL_LINKS": "none"}).rules.portal_links
    with pytest.raises(SettingsError, match="needs SYNC_DISCOVERY resource-graph"):
        read({"SYNC_PORTAL_LINKS": "azure"})
    with pytest.raises(SettingsError, match="SYNC_VAULT_DNS_SUFFIX is another") as wrong:
        read({"SYNC_PORTAL_LINKS": "azure", "SYNC_VAULT_DNS_SUFFIX": "vault.example", **discovery})
    assert len(wrong.value.faults) == 1


def test_every_secret_has_the_link() -> None:
    """Own and further Secrets get it, a quiet pass writes nothing, and no search is awaited."""
    world = linked()
    assert link(world) == link(world, "x") == PAGE
    assert_quiet(world)


def test_the_link_goes_with_the_setting() -> None:
    """Switched off, the next pass takes it away without reading a value."""
    world = seen(linked(), PAGE, Rules())
    world.sweep()
    assert (link(world), link(world, "x")) == (None, None)
    assert {call.verb for call in world.wire.calls} == {"read", "list", "apply"}
    assert world.data == {"a": "a's value"}
    assert_quiet(world)


def test_the_link_follows_a_vault_that_was_moved() -> None:
    """Another resource group is another address."""
    world = seen(linked(), MOVED)
    world.sweep()
    assert link(world) == link(world, "x") == MOVED
    assert_quiet(world)


def test_an_unknown_page_leaves_the_link_and_makes_none() -> None:
    """Where no search on this instance has found the vault, nothing is written for that."""
    world = seen(linked(), None)
    assert_quiet(world)
    assert link(world) == PAGE
    fresh = linked(None)
    assert link(fresh) is None
    assert_quiet(fresh)
    world = seen(fresh, PAGE)
    world.sweep()
    assert link(world) == PAGE


def test_somebody_elses_link_stays_theirs() -> None:
    """Who sets the annotation keeps it: before us, after us, and once we are switched off."""
    world = linked()
    world.cluster.edit(world.target, {LINK: b"https://wiki.example"})
    assert_quiet(world)
    assert link(world) == "https://wiki.example"
    off = seen(world, PAGE, Rules())
    off.settle()
    assert (link(off), link(off, "x")) == ("https://wiki.example", None)
    first = seen(World.new(rules=LINKED), PAGE)
    first.cluster.edit(first.target, {LINK: b"https://wiki.example"})
    first.put("a", "a's value")
    first.settle()
    assert (link(first), first.data) == ("https://wiki.example", {"a": "a's value"})
    assert_quiet(first)


def test_a_link_that_was_removed_comes_back() -> None:
    """Whoever takes it away without setting another gets it back with the next pass."""
    world = linked()
    world.cluster.edit(world.target, {LINK: None})
    world.sweep()
    assert link(world) == PAGE
    assert_quiet(world)


def test_a_vault_that_cannot_be_read_keeps_its_link() -> None:
    """The write that notes the failure changes neither key nor link."""
    world = linked()
    world.wire.fail("list", Transient(Reason.VAULT_UNAVAILABLE, "The vault did not answer."))
    with pytest.raises(Transient):
        world.sweep()
    assert link(world) == PAGE
    state = world.cluster.secrets[world.target.place].part("annotation")[STATE_ANNOTATION]
    assert b"failure" in state


def test_a_dry_run_changes_no_link() -> None:
    """A dry run of what would only change the link shows no key."""
    world = seen(linked(), MOVED)
    assert world.sweep(dry_run=True).changes == ()
    assert link(world) == PAGE


def test_two_apps_that_differ_in_it_are_told() -> None:
    """One with links and one without would take turns, so the settings' digest tells them apart."""
    assert LINKED.digest != Rules().digest
    world = linked()
    other = seen(world, PAGE, Rules())
    assert Reason.SETTINGS_DIFFER in {notice.reason for notice in other.sweep().warnings}


def test_no_key_depends_on_it() -> None:
    """Switching it reads no value: it is no part of a secret's fingerprint."""
    world = seen(World.new(), PAGE, Rules())
    world.put("a", '{"x": "1"}', expand="json")
    world.settle()
    on = seen(world, PAGE)
    on.sweep()
    assert {call.verb for call in on.wire.calls} == {"read", "list", "apply"}
    assert link(on) == PAGE
