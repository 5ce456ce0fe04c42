"""Reading many secrets on threads: the window, the failures and the deadline."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import pytest

from sync.core.errors import Transient
from sync.core.model import SecretName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.projection.rules import Rules
from sync.reconcile.fetching import FETCH_WINDOW
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.survey import VaultSurvey
from sync.reconcile.vault_reader import VaultReader
from tests.kit.fakes import Call, Inline, names
from tests.kit.world import World


def nothing(world: World) -> ObservedVault:
    """Return how a vault stands whose Secret does not exist."""
    return ObservedVault(
        world.target, {world.target.secret: ObservedSecret(world.target, None, None)}
    )


@pytest.fixture
def fetchers() -> Iterator[ThreadPoolExecutor]:
    """Give more threads than a window uses."""
    with ThreadPoolExecutor(2 * FETCH_WINDOW) as executor:
        yield executor


def test_gets_of_one_target_stay_within_their_window(fetchers: ThreadPoolExecutor) -> None:
    """However many secrets moved, only so many are under way at once, and all come over."""
    world = World.new()
    for name in names("key", 99):
        world.put(name, name)
    most, running, lock = 0, 0, Lock()
    full = Barrier(FETCH_WINDOW)

    def count(call: Call) -> None:
        nonlocal running, most
        if call.verb != "get":
            return
        with lock:
            running += 1
            most = max(most, running)
        if int(call.subject[3:]) < FETCH_WINDOW:
            full.wait(20)
        with lock:
            running -= 1

    world.wire.before = count
    reading = VaultReader(world.vaults, world.clock, Rules(), prune=True).survey(
        nothing(world), (), world.deadline(), fetchers, refetch=False
    )
    assert isinstance(reading, VaultSurvey)
    assert reading.fetched.keys() == set(names("key", 99))
    assert most == FETCH_WINDOW == 16


def test_a_deadline_that_runs_out_leaves_the_rest_unread() -> None:
    """What could not be read in time is Transient, and what was read in time is there."""
    world = World.new()
    for name in names("key", 60):
        world.put(name, name)

    def pass_time(call: Call) -> None:
        if call.verb == "get":
            world.clock.tick(0.3)

    world.wire.before = pass_time
    reading = VaultReader(world.vaults, world.clock, Rules(), prune=True).survey(
        nothing(world),
        (),
        Deadline.after(10.5, world.clock),
        Inline(),
        refetch=False,
    )
    assert isinstance(reading, VaultSurvey)
    assert 0 < len(reading.fetched) < 60
    assert len(reading.fetched) + len(reading.refused) == 60
    assert all(isinstance(error, Transient) for error in reading.refused.values())


def test_a_few_failures_stop_nothing(fetchers: ThreadPoolExecutor) -> None:
    """Failures of single secrets do not say that the vault is down: all others are read."""
    world = World.new()
    for name in names("key", 60):
        world.put(name, name)
    for name in names("key", 4):
        world.wire.fail("get", Transient(Reason.VAULT_THROTTLED, "Throttled."), name)
    reading = VaultReader(world.vaults, world.clock, Rules(), prune=True).survey(
        nothing(world), (), world.deadline(), fetchers, refetch=False
    )
    assert isinstance(reading, VaultSurvey)
    assert len(reading.fetched) == 56


def test_a_bug_in_a_get_is_not_taken_for_a_failure_of_the_vault() -> None:
    """What is no SyncError is raised, on whichever thread it happened."""
    world = World.new()
    for name in names("key", 3):
        world.put(name, name)

    def break_down(call: Call) -> None:
        if call.subject == "key01":
            raise ZeroDivisionError

    world.wire.before = break_down
    with pytest.raises(ZeroDivisionError):
        world.sweep()


def test_a_secret_that_vanishes_between_list_and_get_is_waited_for() -> None:
    """A listed secret that is then not served is Transient, and its key stays meanwhile."""
    world = World.in_step("a", "b")
    world.put("a", "new")

    def vanish(call: Call) -> None:
        if call == Call("get", "a"):
            world.vaults.delete(world.vault, "a")
            world.wire.before = lambda _: None

    world.wire.before = vanish
    assert isinstance(world.sweep().refused[SecretName("a")], Transient)
    assert world.data == {"a": "a's value", "b": "b's value"}
    world.sweep()
    assert world.data == {"b": "b's value"}
