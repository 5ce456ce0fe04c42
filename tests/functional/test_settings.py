"""What settings lead to; with wrong ones the app starts, says all that is wrong and idles."""

from tests.functional.world import World
from tests.leaks.dye import value


def test_wrong_settings_are_all_told_at_once(world: World) -> None:
    """The functions are there, health is 503, resync lists every fault, and the log has them."""
    place = world.filled("key", silent=True)
    wrong = {
        "SYNC_VAULT": "weu-ds-akv-shop-dev-1",
        "SYNC_SCHEDULE": "*/5 * * * *",
        "SYNC_SUBSCRIPTIONS": "all",
        "SYNC_CLUSTERS": "{",
        "SYNC_PRUNE": "yes",
        "SYNC_NAMESPACE": "{team}",
        "SYNC_VAULT_PATTERN": "(",
        "SYNC_VAULT_DNS_SUFFIX": "https://vault.azure.net/",
        "SYNC_DISCOVERY": "magic",
    }
    with world.app(**wrong) as app:
        health = app.get("/api/health")
        assert (health.status, health.body) == (503, {"status": "misconfigured"})
        answer = app.post("/api/resync", {"vault": place.name})
        assert answer.status == 500
        faults = answer.body["faults"]
        assert isinstance(faults, list)
        assert [fault.partition(" ")[0] for fault in faults].count("SYNC_VAULT") == 1
        assert {fault.partition(" ")[0] for fault in faults} == wrong.keys()
        assert app.get("/api/status").body["faults"] == faults
        assert app.timer == 500
        assert app.deliver(place.event("key")) == 500
    lines = world.log().splitlines()
    for route in ("health", "http", "event", "timer"):
        told = [line for line in lines if f" keyvault-sync: {route}: SettingsWrong: " in line]
        assert told, route
        assert all(name in told[0] for name in wrong)
    (printed,) = [line for line in lines if line.startswith("The app's settings are wrong. ")]
    assert all(name in printed for name in wrong)
    assert place.data() is None


def test_an_app_that_can_do_nothing_logs_why(world: World) -> None:
    """Where no setting is wrong but none names a vault, the probe's 503 has its line."""
    with world.app(SYNC_SUBSCRIPTIONS="") as app:
        assert app.get("/api/health").status == 503
    assert world.logged("ERROR", "health: NothingKnown: Neither SYNC_SUBSCRIPTIONS nor")


def test_a_template_of_ones_own(world: World) -> None:
    """SYNC_NAMESPACE leads to other namespaces, and to no other."""
    place = world.filled("key", name="weu-DS-AKV-{}-dev-1", silent=True)
    project = place.namespace.partition("-")[0]
    world.stack.namespace(f"team-{project}-weu", "keyvault-project")
    with world.app(place, SYNC_NAMESPACE="team-{project}-{region}") as app:
        assert app.timer == 202
    assert place.data() is None
    data = world.stack.cluster.data(f"team-{project}-weu", "keyvault-project")
    assert {key: text.decode() for key, text in data.items()} == place.wanted()


def test_a_kubeconfig_that_is_no_good_is_told(world: World) -> None:
    """Without a usable kubeconfig each vault is refused for good, with how to try it."""
    place = world.place(silent=True)
    with world.app(place, KUBECONFIG=str(world.stack.folder / "missing")) as app:
        answer = app.post("/api/resync", {"all": True})
        assert app.get("/api/status").status == 422
    assert answer.status == 422
    assert "kubectl" in answer.text


def test_a_pattern_of_ones_own(world: World) -> None:
    """SYNC_VAULT_PATTERN lets vaults in that are named otherwise, and keeps the usual ones out."""
    usual = world.place(silent=True)
    vault = world.stack.vault("kv-own-test-weu-3")
    world.stack.namespace("own-test", "keyvault-3")
    made = vault.set_secret("key", value())
    pattern = r"kv-(?P<project>\w+)-(?P<stage>\w+)-(?P<region>\w+)-(?P<number>\d)"
    with world.app(SYNC_VAULT_PATTERN=pattern) as app:
        assert app.resync(usual).status == 404
        assert app.post("/api/resync", {"vault": "KV-own-test-weu-3"}).status == 200
    data = world.stack.cluster.data("own-test", "keyvault-3")
    assert data == {"key": made.value.encode()}
