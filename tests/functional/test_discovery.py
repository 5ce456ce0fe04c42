"""Vaults that nobody listed: found by Resource Graph, and kept when a search fails."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from local.arm.search import TENANT
from local.host_process import Answer
from sync.reconcile.marks import LINK_ANNOTATION
from tests.functional.secrets_held import assert_quiet
from tests.functional.world import Place, World, outcome
from tests.leaks.dye import value


@dataclass(frozen=True, slots=True)
class Platform:
    """A subscription of a test's own, and the app that searches it."""

    world: World
    subscription: str

    def place(self, name: str = "weu-DS-AKV-{}-dev-1") -> Place:
        """Make a vault in the subscription, with a secret of which no event has come."""
        place = self.world.place(name, silent=True, subscription=self.subscription)
        place.vault.set_secret("key", value())
        return place

    @contextmanager
    def app(self, *listed: Place, **environment: str) -> Iterator[World]:
        """Run an app that searches the subscription and knows those vaults besides."""
        with self.world.app(*listed, **self.settings(), **environment) as app:
            yield app

    def settings(self) -> dict[str, str]:
        """Return what makes an app search."""
        return {"SYNC_DISCOVERY": "resource-graph", "SYNC_SUBSCRIPTIONS": self.subscription}

    def see(self, *, granted: bool) -> None:
        """Let the app's identity see the subscription, or not."""
        self.world.stack.resource_manager.reader(self.subscription, granted=granted)


@pytest.fixture
def platform(world: World) -> Platform:
    """Return a platform without vaults."""
    return Platform(world, str(uuid.uuid4()))


def told(answer: Answer, field: str) -> dict[str, object]:
    """Return a field of each entry of an answer, by its vault."""
    entries = answer.body["outcomes" if "outcomes" in answer.body else "vaults"]
    assert isinstance(entries, list)
    return {entry["vault"]: entry.get(field) for entry in entries}


def test_a_pass_covers_what_is_found(platform: Platform) -> None:
    """The timer finds every vault of the platform's form; others stay alone."""
    places = [platform.place() for _ in range(3)]
    other = platform.world.stack.vault("plain-kv", platform.subscription)
    with platform.app() as app:
        assert app.timer == 202
        assert app.get("/api/status").status == 200
        assert told(app.answers[-1], "state") == {place.name: "converged" for place in places}
    assert [place.data() for place in places] == [place.wanted() for place in places]
    assert not other.requests()
    assert platform.world.logged("INFO", "timer: 3 vaults, 0 of them failed")


def test_the_search_tells_the_page_of_each_vault(platform: Platform) -> None:
    """With SYNC_PORTAL_LINKS each Secret leads to its vault in the portal, until it is off."""
    place = platform.place()
    with platform.app(SYNC_PORTAL_LINKS="azure") as app:
        assert app.timer == 202
        page = place.annotations()[LINK_ANNOTATION]
        assert page == f"https://portal.azure.com/#@{TENANT}/resource{place.vault.resource_id}"
        assert_quiet(app, place)
    with platform.app() as app:
        assert app.timer == 202
    assert LINK_ANNOTATION not in place.annotations()
    assert place.data() == place.wanted()


def test_a_missing_role_is_told_and_forgets_nothing(platform: Platform) -> None:
    """An identity that may not see the vaults gets none: an error with the command that helps."""
    listed = platform.place()
    assert platform.world.resync(listed).status == 200
    listed.vault.set_secret("another", value())
    platform.see(granted=False)
    try:
        with platform.app(listed) as app:
            assert app.timer == 202
            answer = app.post("/api/resync", {"all": True})
    finally:
        platform.see(granted=True)
    assert answer.status == 422
    assert told(answer, "outcome") == {"discovery": "failed", listed.name: "converged"}
    assert "az role assignment create --role Reader" in answer.text
    assert listed.data() == listed.wanted()
    assert platform.world.logged("ERROR", "timer: discovery: ", "--role Reader")


def test_a_project_is_searched_for(platform: Platform) -> None:
    """A project's stage is resynced by what is found of it; an unknown one is not found."""
    place = platform.place()
    platform.place("weu-DS-AKV-{}-prod-1")
    project = place.namespace.removesuffix("-dev")
    with platform.app() as app:
        answer = app.post("/api/resync", {"project": project, "stage": "dev"})
        assert app.post("/api/resync", {"project": project, "stage": "qa"}).status == 404
    assert told(answer, "outcome") == {place.name: "converged"}


def test_the_status_covers_a_large_platform(platform: Platform) -> None:
    """One call tells of every vault that is found, in the order of their names, and pages count."""
    platform.world.stack.namespace("crowd-dev")
    manager = platform.world.stack.resource_manager
    names = [f"weu-ds-akv-crowd-dev-{number}" for number in range(1, 100)]
    for name in names:
        manager.show_vault(
            f"/subscriptions/{platform.subscription}/resourceGroups/rg"
            f"/providers/Microsoft.KeyVault/vaults/{name}"
        )
    usual, manager.page_size = manager.page_size, 40
    try:
        with platform.app() as app:
            answer = app.get("/api/status")
    finally:
        manager.page_size = usual
    assert answer.status == 200
    assert told(answer, "state") == dict.fromkeys(names, "absent")
    assert list(told(answer, "state")) == sorted(names)


def test_an_instance_that_has_not_searched_takes_nothing(platform: Platform) -> None:
    """Each trigger may run on instances of its own: none gives a rival what it has not looked for.

    One vault has its Secret. Its rival leads there too, and asks a process in which nothing ran.
    """
    victim = platform.place()
    with platform.app() as timer:
        assert timer.timer == 202
    assert victim.data() == victim.wanted()
    rival = platform.place(f"neu{victim.name[3:]}")
    for fields in ({}, {"removals": True, "takeover": True, "refetch": True}):
        with platform.app() as http:
            assert outcome(http.resync(rival, **fields))["reason"] == "TargetTaken"
    with platform.app() as events:
        assert events.deliver(rival.event("key")) == 202
    assert victim.data() == victim.wanted()


def test_a_vault_that_is_gone_is_taken_over_by_its_name(platform: Platform) -> None:
    """Once Resource Manager calls its name free, another vault gets its Secret, and not before."""
    former = platform.place()
    with platform.app() as app:
        assert app.timer == 202
        heir = platform.place(f"neu{former.name[3:]}")
        heir.vault.set_secret("another", value())
        refused = app.resync(heir, takeover_from=former.name)
        assert outcome(refused)["reason"] == "VaultNotGone"
        assert former.data() == former.wanted()
    manager = platform.world.stack.resource_manager
    manager.hide_vault(former.vault.resource_id)
    with platform.app() as app:
        assert outcome(app.resync(heir))["reason"] == "TargetTaken"
        assert outcome(app.resync(heir, takeover=True))["reason"] == "TargetTaken"
        assert app.resync(heir, takeover_from=former.name.upper()).status == 200
        assert heir.data() == heir.wanted()
        assert app.timer == 202
    assert heir.data() == heir.wanted()


def test_vaults_that_are_found_contend_like_listed_ones(platform: Platform) -> None:
    """Once a search shows two vaults for one Secret, neither a pass nor an event makes it."""
    one = platform.place()
    other = platform.place(f"neu{one.name[3:]}")
    with platform.app() as app:
        assert app.timer == 202
        assert app.deliver(one.event("key")) == 202
        assert outcome(app.resync(other, takeover=True))["reason"] == "TargetContested"
    assert one.data() is None
    assert platform.world.logged("ERROR", "event: ", "TargetContested", one.name)


def test_the_command_line_searches_too(platform: Platform) -> None:
    """`keyvault-sync` covers what is found, and says what it could not search."""
    place = platform.place()
    stack = platform.world.stack
    done = stack.command("resync", "--all", "-o", "json", **platform.settings())
    assert done.returncode == 0
    assert [each["vault"] for each in json.loads(done.stdout)["outcomes"]] == [place.name]
    assert place.data() == place.wanted()
    platform.see(granted=False)
    try:
        failed = stack.command("status", "-o", "json", **platform.settings())
    finally:
        platform.see(granted=True)
    assert failed.returncode == 1
    assert "discovery: " in failed.stderr
    assert "--role Reader" in failed.stderr


def test_a_search_without_subscriptions_is_a_wrong_setting(world: World) -> None:
    """Resource Graph is told where to search, or the app says that it does not know."""
    with world.app(SYNC_DISCOVERY="resource-graph", SYNC_SUBSCRIPTIONS="") as app:
        answer = app.post("/api/resync", {"all": True})
    assert answer.status == 500
    assert "SYNC_SUBSCRIPTIONS" in answer.text
