"""What Key Vault's events bring into the cluster, however they are delivered."""

from datetime import UTC, datetime, timedelta

import pytest

from local.event_grid import Faults, Schema
from local.kubernetes.documents import text
from tests.functional.world import Place, World, subscribe, wait_until
from tests.leaks.dye import value


@pytest.mark.parametrize("schema", Schema)
def test_a_new_secret_and_its_next_version_arrive(world: World, schema: Schema) -> None:
    """An event in either schema brings a secret's current value under its name."""
    subscribe(world.stack, world.host, schema)
    place = world.place()
    first, second = value(), value()
    place.vault.set_secret("Db-Password", first)
    world.settle()
    assert place.data() == {"Db-Password": first}
    version = place.vault.set_secret("Db-Password", second)
    world.settle()
    assert place.data() == {"Db-Password": second}
    assert place.records()["Db-Password"][0] == version.version


def test_the_secret_says_whose_it_is(world: World) -> None:
    """The Secret is Opaque, and its labels name the app and the parts of the vault's name."""
    place = world.filled("key", name="weu-DS-AKV-Team-x-QA-7")
    world.settle()
    assert place.secret == "keyvault-7"
    assert text(place.document(), "type") == "Opaque"
    assert place.labels() == {
        "app.kubernetes.io/managed-by": "keyvault-sync",
        "keyvault-sync/project": "team-x",
        "keyvault-sync/stage": "qa",
        "keyvault-sync/region": "weu",
        "keyvault-sync/number": "7",
    }


def test_every_value_arrives_byte_by_byte(world: World) -> None:
    """Empty, multi-line, non-ASCII and 25 KiB values arrive as they are."""
    place = world.place()
    place.vault.set_secret("empty", "")
    place.vault.set_secret("lines", "a: 1\n\tb\r\n\x00 é 密 🔑 \u2028\n")
    place.vault.set_secret("large", "x" * 25 * 1024)
    world.settle()
    assert place.data() == place.wanted()


def test_the_first_event_brings_the_whole_vault(world: World) -> None:
    """A vault that had secrets before its first event is brought over with all of them."""
    place = world.place()
    world.stack.grid.inject(Faults(drop_next=3))
    place.renew("a", "b", "c")
    world.settle()
    assert place.data() is None
    place.vault.set_secret("d", value())
    world.settle()
    assert place.data() == place.wanted()


def test_doubled_events_do_no_harm(world: World) -> None:
    """Each event delivered twice leaves what one delivery leaves."""
    place = world.place()
    world.stack.grid.inject(Faults(double=True))
    place.renew("a", "b", "a")
    world.settle()
    assert place.data() == place.wanted()


def test_reordered_events_leave_the_newest_version(world: World) -> None:
    """Events delivered last one first end at the newest version, never at an older one."""
    place = world.place()
    world.stack.grid.inject(Faults(reorder=6))
    for _ in range(6):
        newest = place.vault.set_secret("rotated", value())
    world.settle()
    assert place.data() == {"rotated": newest.value}
    assert place.records()["rotated"][0] == newest.version


def test_an_old_event_redelivered_changes_nothing(world: World) -> None:
    """The event of an old version, delivered again much later, writes nothing."""
    place = world.place(age=600)
    old = place.vault.set_secret("rotated", value())
    newest = place.vault.set_secret("rotated", value())
    world.settle()
    revision = place.revision()
    assert world.deliver(place.event("rotated", old.version)) == 202
    assert place.data() == {"rotated": newest.value}
    assert place.revision() == revision


def test_a_dropped_event_is_repaired_by_the_pass(world: World) -> None:
    """What an event that never came would have brought, the next pass brings."""
    place = world.filled("kept")
    world.settle()
    world.stack.grid.inject(Faults(drop_next=2))
    place.vault.set_secret("kept", value())
    place.vault.set_secret("lost", value())
    world.settle()
    assert place.data() != place.wanted()
    world.bring(place)


@pytest.mark.parametrize("secret_event", [False, True])
def test_a_certificate_brings_its_secret(world: World, *, secret_event: bool) -> None:
    """A new certificate's backing secret arrives, whether or not its own event comes too."""
    place = world.place()
    place.vault.set_certificate("tls", value(), secret_event=secret_event)
    world.settle()
    assert place.data() == place.wanted()
    place.vault.set_certificate("tls", value(), secret_event=secret_event)
    world.settle()
    assert place.data() == place.wanted()


def test_names_that_differ_in_case_are_one_secret(world: World) -> None:
    """An event or a version in another case updates the key as Key Vault first spelled it."""
    place = world.filled("Api-Key")
    world.settle()
    place.vault.set_secret("API-KEY", value())
    world.settle()
    assert place.data() == place.wanted()
    newest = place.vault.set_secret("Api-Key", value())
    event = place.event("api-key", newest.version)
    event["data"] = {"VaultName": place.vault.name.upper(), "ObjectName": "api-key"}
    assert world.deliver(event) == 202
    assert place.data() == {"Api-Key": newest.value}


@pytest.mark.parametrize("happening", ["near_expiry", "expired"])
def test_expiry_is_reported_and_nothing_else(world: World, happening: str) -> None:
    """A secret that expires is named in the log with what to do, and nothing is written."""
    place = world.place()
    world.stack.grid.inject(Faults(drop_next=1))
    place.vault.set_secret("ageing", value(), exp=2_000_000_000)
    if happening == "near_expiry":
        place.vault.publish_near_expiry("ageing")
    else:
        place.vault.publish_expired("ageing")
    world.settle()
    assert world.logged("WARNING", "'ageing'", place.vault.name, "2033-05-18", "set a new version")
    assert place.data() is None


@pytest.fixture
def lagging(world: World) -> Place:
    """Return a vault whose reads lag behind what it announces."""
    place = world.filled("known", age=30)
    world.settle()
    place.vault.faults.stale_reads()
    place.clock.ahead = 0.0
    return place


@pytest.mark.parametrize("name", ["known", "unknown"])
def test_a_vault_that_lags_behind_its_event_is_asked_again(
    world: World, lagging: Place, name: str
) -> None:
    """Redelivery brings what the vault did not serve yet; until then the Secret stays as it is."""
    before = lagging.data()
    attempts = world.stack.grid.counts().attempts
    lagging.vault.set_secret(name, value())
    wait_until(lambda: world.stack.grid.counts().attempts > attempts + 1)
    assert lagging.data() == before
    assert world.logged("WARNING", "Served", f"'{name}'")
    lagging.vault.faults.release()
    world.settle()
    assert lagging.data() == lagging.wanted()


def test_a_vault_that_lags_within_one_second_is_asked_again(world: World) -> None:
    """The version before, made in the same second as the announced one, is not taken for it."""
    place = world.place()
    place.clock.frozen = float(int(place.clock()))
    place.vault.set_secret("key", value())
    world.settle()
    place.vault.faults.stale_reads()
    world.stack.grid.inject(Faults(drop_next=1))
    made = place.vault.set_secret("key", value())
    assert world.deliver(place.event("key", made.version)) == 500
    place.vault.faults.release()
    assert world.deliver(place.event("key", made.version)) == 202
    assert place.data() == place.wanted() == {"key": made.value}


def test_a_vault_that_falls_back_overwrites_nothing(world: World) -> None:
    """An older version served after the newer one was written fails, and the newer one stays."""
    place = world.place(age=30)
    older = place.vault.set_secret("key", value())
    place.vault.faults.stale_reads(5)
    place.clock.ahead = -6.0
    world.stack.grid.inject(Faults(drop_next=1))
    newer = place.vault.set_secret("key", value())
    place.clock.ahead = 0.0
    world.resync(place)
    assert place.data() == {"key": newer.value}
    place.clock.ahead = -3.0
    assert place.vault.get_secret("key").version == older.version
    assert world.deliver(place.event("key", newer.version)) == 500
    assert world.resync(place, secret="key").status == 503
    assert place.data() == {"key": newer.value}
    place.clock.ahead = 0.0
    assert world.deliver(place.event("key", newer.version)) == 202
    assert place.data() == {"key": newer.value}


def test_an_event_of_a_disabled_version_removes_the_key(world: World) -> None:
    """A new version that is disabled makes the secret a disabled one, so its key goes."""
    place = world.filled("kept", "gone")
    world.settle()
    place.vault.set_secret("gone", value(), enabled=False)
    world.settle()
    assert place.data() == place.wanted()
    assert sorted(place.data() or {}) == ["kept"]


def test_an_event_of_a_secret_deleted_since_removes_the_key(world: World) -> None:
    """A secret that the vault does not know may lag for a minute; after that it counts as gone."""
    place = world.filled("kept", silent=True)
    made = place.vault.set_secret("gone", value())
    assert world.resync(place).status == 200
    before = place.data()
    place.vault.delete("gone")
    assert world.deliver(place.event("gone", made.version)) == 500
    assert place.data() == before
    a_while_ago = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    assert world.deliver(place.event("gone", made.version, eventTime=a_while_ago)) == 202
    assert place.data() == place.wanted()
