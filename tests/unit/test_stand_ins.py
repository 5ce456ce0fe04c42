"""Versions that may not be used yet, or no more, and those that stand in for them."""

import json
from dataclasses import replace

import pytest

from sync.app.explain import Explained, Progress, explain
from sync.core.changes import Action
from sync.core.errors import Transient
from sync.core.model import STATE_ANNOTATION, Hint, SecretName
from sync.core.reasons import Reason
from sync.core.state import LATEST
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from sync.projection.validity import Expired, NotBefore, Validity
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.fakes import Call, Inline
from tests.kit.world import World
from tests.unit.test_several_secrets import assert_quiet

DAY = 86_400


def reasons(done: ReconcileResult) -> list[tuple[str, Reason]]:
    """Return what a reconcile warned of."""
    return [(each.source, each.reason) for each in done.warnings]


def later(world: World, value: str, *, seconds: int = DAY, **tags: str) -> str:
    """Set a version of `a` that becomes valid later."""
    return world.vaults.put(
        world.vault,
        "a",
        value,
        not_before=int(world.clock()) + seconds,
        tags={f"k8s-{tag}": text for tag, text in tags.items()},
    )


def certificate(world: World, value: str, *, enabled: bool = True) -> str:
    """Set a version of the secret of a certificate."""
    return world.vaults.put(world.vault, "cert", value, enabled=enabled, managed=True)


def told(world: World) -> Explained:
    """Explain the only secret."""
    request = ReconcileRequest(world.target)
    turn = world.reconciler.look(request, world.deadline(), Inline())
    (found,) = explain(turn, lambda _observed, _plan: None)
    return found


def test_a_version_waits_until_it_is_valid() -> None:
    """The last good value stays, quiet passes cost nothing more, and one get brings it in."""
    world = World.in_step("a")
    version = later(world, "new")
    until = int(world.clock()) + DAY
    world.clock.tick(10)
    done = world.sweep()
    assert world.data == {"a": "a's value"}
    assert reasons(done) == [("a", Reason.NOT_VALID_YET)]
    assert not done.refused
    assert not done.changes
    world.clock.tick(300)
    world.wire.calls.clear()
    assert reasons(world.sweep()) == [("a", Reason.NOT_VALID_YET)]
    assert_quiet(world)
    explained = told(world)
    assert (explained.progress, explained.due) == (Progress.IN_STEP, until)
    world.clock.tick(DAY)
    world.wire.calls.clear()
    done = world.sweep()
    assert world.data == {"a": "new"}
    assert [change.version for change in done.changes] == [version]
    assert not done.warnings
    assert (world.wire.count("get"), world.wire.count("versions")) == (1, 0)


def test_one_secret_is_read_to_be_explained_in_full() -> None:
    """What only its value shows is told as well; of all secrets none is read."""
    world = World.new()
    world.put("2fa", "x")
    world = replace(world, reconciler=replace(world.reconciler, rules=Rules(style=KeyStyle.ENV)))
    world.settle()
    request = ReconcileRequest(world.target, (Hint(SecretName("2fa"), at=0.0),))
    for asked, gets in ((request, 1), (ReconcileRequest(world.target), 0)):
        world.wire.calls.clear()
        turn = world.reconciler.look(asked, world.deadline(), Inline())
        (found,) = explain(turn, lambda _observed, _plan: None)
        assert found.progress is Progress.IN_STEP
        assert ("'2FA'" in found.warnings[0].message) is bool(gets)
        assert world.wire.count("get") == gets


def test_a_warning_without_room_costs_no_pass_anything() -> None:
    """The annotation may leave warnings out: what stands in is known without them."""
    world = World.in_step("a")
    world.vaults.put(world.vault, "cert", "first", managed=True)
    world.settle()
    later(world, "new")
    world.vaults.put(world.vault, "cert", "pending", enabled=False, managed=True)
    world.clock.tick(10)
    world.sweep()
    key = (world.target.place, ("annotation", STATE_ANNOTATION))
    fields = world.cluster.secrets[key[0]].fields
    state = json.loads(fields[key[1]])
    assert state.pop("warnings").keys() == {"NotValidYet", "CertificatePending"}
    fields[key[1]] = json.dumps(state, separators=(",", ":")).encode()
    world.clock.tick(300)
    world.wire.calls.clear()
    world.sweep()
    assert {call.verb for call in world.wire.calls} == {"read", "list"}


def test_an_event_of_a_version_that_waits_is_no_failure() -> None:
    """It reads the version that stands in, and notes when the newest one is due."""
    world = World.in_step("a")
    version = later(world, "new")
    done = world.event(world.hint("a", version))
    assert not done.refused
    assert world.data == {"a": "a's value"}
    assert told(world).due == int(world.clock()) + DAY


def test_a_secret_that_was_never_valid_is_out_with_its_time() -> None:
    """It is searched for an older version once, and not again until it changes."""
    world = World.new()
    later(world, "new")
    until = int(world.clock()) + DAY
    world.settle()
    assert world.data == {}
    world.sweep()
    assert_quiet(world)
    explained = told(world)
    assert (explained.progress, explained.due) == (Progress.OUT, until)
    assert "it is not valid before " in str(explained.why)
    world.clock.tick(DAY)
    world.sweep()
    assert world.data == {"a": "new"}


def test_after_the_loss_of_the_secret_the_newest_valid_version_comes_back() -> None:
    """One listing of versions finds it, and the newest one still comes in at its time."""
    world = World.in_step("a")
    world.put("a", "second")
    world.clock.tick(10)
    later(world, "third")
    world.clock.tick(10)
    world.sweep()
    del world.cluster.secrets[world.target.place]
    world.clock.tick(300)
    world.wire.calls.clear()
    world.sweep()
    assert world.data == {"a": "second"}
    assert (world.wire.count("get"), world.wire.count("versions")) == (1, 1)
    world.clock.tick(DAY)
    world.sweep()
    assert world.data == {"a": "third"}


def test_a_value_that_is_in_is_not_replaced_by_an_older_one() -> None:
    """Whoever moves the `nbf` of the version in use ahead takes nothing back."""
    world = World.in_step("a")
    world.put("a", "second")
    world.settle()
    world.vaults.limit(world.vault, "a", not_before=int(world.clock()) + DAY)
    world.clock.tick(10)
    assert not world.sweep().changes
    assert world.data == {"a": "second"}


@pytest.mark.parametrize("tags", [{}, {"secret": "web"}], ids=["own", "further"])
def test_tags_of_a_version_count_from_its_time_on(tags: dict[str, str]) -> None:
    """Until then the tags of the version that stands in say where it is."""
    world = World.new()
    world.put("a", "old", **tags)
    world.settle()
    before = world.secrets
    later(world, "new", key="K")
    world.clock.tick(10)
    world.sweep()
    assert world.secrets == before
    world.clock.tick(DAY)
    world.sweep(removals=True)
    assert world.data == {"K": "new"}


def test_a_version_that_is_left_out_is_looked_up_once() -> None:
    """The tags of the version that stands in leave it out, whatever the newest one's say."""
    world = World.new()
    world.put("b", "stays")
    world.put("a", "old", sync="false")
    world.clock.tick(10)
    later(world, "new")
    world.settle()
    assert world.data == {"b": "stays"}
    assert_quiet(world)
    world.clock.tick(DAY)
    world.sweep()
    assert world.data == {"a": "new", "b": "stays"}


def test_versions_between_come_in_at_their_own_times() -> None:
    """Of several that wait each has its time, also where nothing was valid before."""
    world = World.new()
    later(world, "first")
    world.clock.tick(10)
    later(world, "second", seconds=5 * DAY)
    world.clock.tick(10)
    later(world, "third", seconds=9 * DAY)
    world.settle()
    assert world.data == {}
    world.sweep()
    assert_quiet(world)
    for days, value in ((1, "first"), (4, "second"), (4, "third")):
        world.clock.tick(days * DAY)
        world.sweep()
        assert world.data == {"a": value}
        world.clock.tick(300)
        world.sweep()
        assert_quiet(world)


def test_a_version_of_the_same_second_is_not_missed() -> None:
    """What was found out within the second of the last change is found out again."""
    world = World.new()
    later(world, "first")
    world.sweep()
    later(world, "second", seconds=5 * DAY)
    world.clock.tick(DAY + 10)
    world.sweep()
    assert world.data == {"a": "first"}


def test_a_version_that_stands_in_goes_when_it_expires() -> None:
    """If the platform wants expired ones to go, also while a newer one waits."""
    world = World.new(rules=Rules(validity=Validity(expired=Expired.REMOVE)))
    world.put("b", "stays")
    expires = int(world.clock()) + DAY
    world.vaults.put(world.vault, "a", "old", expires=expires)
    world.settle()
    later(world, "new", seconds=5 * DAY)
    world.clock.tick(10)
    world.sweep()
    assert world.data == {"a": "old", "b": "stays"}
    world.clock.tick(DAY)
    world.sweep()
    assert world.data == {"b": "stays"}
    world.clock.tick(5 * DAY)
    world.sweep()
    assert world.data == {"a": "new", "b": "stays"}


def test_a_first_sync_visits_the_secret_of_the_version_that_stands_in() -> None:
    """Its tags lead to a Secret that the newest version's do not name."""
    world = World.new()
    world.put("a", "old", secret="web")
    world.clock.tick(10)
    later(world, "new")
    world.settle()
    assert world.secrets["web"] == {"a": "old"}
    assert_quiet(world)


def test_a_lost_key_of_a_waiting_secret_comes_back() -> None:
    """Somebody removes the key: the version that stands in is read again."""
    world = World.in_step("a")
    later(world, "new")
    world.clock.tick(10)
    world.sweep()
    world.clock.tick(300)
    world.cluster.edit(world.target, {("data", "a"): b"theirs"})
    world.sweep()
    assert world.data == {"a": "a's value"}


def test_ignore_takes_a_version_at_once() -> None:
    """The platform may decide that `nbf` means nothing, also for what waits already."""
    world = World.in_step("a")
    later(world, "new")
    world.clock.tick(10)
    world.sweep()
    ignoring = replace(
        world.reconciler, rules=Rules(validity=Validity(not_before=NotBefore.IGNORE))
    )
    world.clock.tick(300)
    assert not replace(world, reconciler=ignoring).sweep().refused
    assert world.data == {"a": "new"}


def test_a_time_beyond_all_calendars_is_remembered() -> None:
    """A secret that becomes valid in 7,000 years costs nothing in a quiet pass either."""
    world = World.in_step("a")
    later(world, "new", seconds=200_000_000_000)
    world.clock.tick(10)
    world.sweep()
    world.clock.tick(300)
    world.wire.calls.clear()
    world.sweep()
    assert_quiet(world)
    assert told(world).due == LATEST


@pytest.mark.parametrize("expired", Expired)
def test_an_expired_version_stays_or_goes(expired: Expired) -> None:
    """As the platform decides, in the first pass after its time, and told with its time."""
    world = World.new(rules=Rules(validity=Validity(expired=expired)))
    world.put("b", "stays")
    expires = int(world.clock()) + DAY
    world.vaults.put(world.vault, "a", "old", expires=expires)
    world.settle()
    assert world.data == {"a": "old", "b": "stays"}
    world.clock.tick(DAY)
    done = world.sweep()
    goes = expired is Expired.REMOVE
    assert ("a" in world.data) is not goes
    assert [(each.key, each.action) for each in done.changes] == (
        [("a", Action.REMOVE)] if goes else []
    )
    assert all("it expired at " in each.why for each in done.changes)
    assert done.expired == (() if goes else ("a",))
    assert not world.event(world.hint("a")).refused
    assert ("a" in world.data) is not goes


def test_a_certificate_that_waits_for_its_authority_stays() -> None:
    """Its newest version is disabled: the newest enabled one stays, and costs nothing more."""
    world = World.new()
    first = certificate(world, "first")
    world.settle()
    certificate(world, "pending", enabled=False)
    world.clock.tick(10)
    done = world.sweep()
    assert world.data == {"cert": "first"}
    assert not done.changes
    assert reasons(done) == [("cert", Reason.CERTIFICATE_PENDING)]
    world.clock.tick(300)
    world.wire.calls.clear()
    assert reasons(world.sweep()) == [("cert", Reason.CERTIFICATE_PENDING)]
    assert_quiet(world)
    assert (told(world).progress, told(world).version) == (Progress.IN_STEP, first)
    world.vaults.enable(world.vault, "cert", enabled=True)
    world.clock.tick(10)
    assert not world.sweep().warnings
    assert world.data == {"cert": "pending"}


def test_an_event_of_a_certificate_that_waits_removes_nothing() -> None:
    """The get of a disabled version says 403, and only a listing that it is a certificate's."""
    world = World.new()
    certificate(world, "first")
    world.settle()
    version = certificate(world, "pending", enabled=False)
    done = world.event(world.hint("cert", version))
    assert not done.refused
    assert world.data == {"cert": "first"}


def test_a_certificate_without_an_enabled_version_goes() -> None:
    """Nothing stands in, which is looked up once for each change."""
    world = World.new()
    certificate(world, "first")
    world.put("b", "stays")
    world.settle()
    world.vaults.enable(world.vault, "cert", enabled=False)
    world.clock.tick(10)
    done = world.sweep()
    assert [(each.key, each.why) for each in done.changes] == [("cert", "it is disabled")]
    world.clock.tick(300)
    world.wire.calls.clear()
    world.sweep()
    assert_quiet(world)


def test_a_plain_secret_that_is_disabled_goes() -> None:
    """Nothing stands in for it: whoever disables it wants it gone."""
    world = World.in_step("a", "b")
    world.vaults.enable(world.vault, "a", enabled=False)
    world.clock.tick(10)
    done = world.sweep()
    assert [(each.key, each.why) for each in done.changes] == [("a", "it is disabled")]
    assert Call("versions", "a") not in world.wire.calls


def test_a_typed_secret_is_not_blanked_without_a_word() -> None:
    """Its keys may not be missing: they are emptied, and the outcome warns of it."""
    world = World.in_step("b")
    world.put("login", "shop:secret", type="basic-auth")
    world.settle()
    world.vaults.enable(world.vault, "login", enabled=False)
    world.clock.tick(10)
    done = world.sweep()
    assert world.secrets["login"] == {"username": "", "password": ""}
    assert reasons(done) == [("", Reason.SECRET_BLANKED)]
    assert {each.why for each in done.changes} == {"it is disabled"}
    world.clock.tick(300)
    assert not world.sweep().warnings


def test_the_versions_of_a_vault_that_is_down_are_asked_for_again() -> None:
    """Nothing goes meanwhile, and the failure is the vault's."""
    world = World.in_step("a")
    later(world, "new")
    world.clock.tick(10)
    down = Transient(Reason.VAULT_UNAVAILABLE, "The vault answers 503.")
    world.wire.faults[Call("versions", "a")] = [down]
    assert world.sweep().refused == {"a": down}
    assert world.data == {"a": "a's value"}
    assert reasons(world.sweep()) == [("a", Reason.NOT_VALID_YET)]
