"""The log: one line an outcome, at the level that says who should look."""

import logging

import pytest

from sync.errors import Malformed, NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.model import Act, Change, Converged, Failed, Hint, Ignored
from sync.telemetry import log_outcome, log_pass, log_settings_fault
from tests.unit.fakes import target_of, vault_name
from tests.unit.world import World

TARGET = target_of(vault_name())


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Keep every line."""
    caplog.set_level(logging.DEBUG, "keyvault-sync")
    return caplog


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (Permanent("X", "x"), logging.ERROR),
        (Malformed("X", "x"), logging.ERROR),
        (Transient("X", "x"), logging.WARNING),
        (NotOurs("EventTypeIgnored", "x"), logging.INFO),
        (NotOurs("SubscriptionsUnset", "x"), logging.WARNING),
        (NotOurs("SecretExpired", "x"), logging.WARNING),
        pytest.param(
            Unexpected("Bug", "x"),
            logging.ERROR,
        ),
    ],
    ids=["permanent", "malformed", "transient", "ignored", "unset", "expired", "bug"],
)
def test_the_level_says_who_should_look(
    log: pytest.LogCaptureFixture, error: SyncError, level: int
) -> None:
    """What somebody has to act on is an error, what may pass a warning, what is not ours info."""
    outcome = Ignored("event", error) if isinstance(error, NotOurs) else Failed("v", error)
    log_outcome("event", outcome)
    assert [record.levelno for record in log.records] == [level]
    assert error.reason in log.text


def test_changes_are_named_with_their_versions(log: pytest.LogCaptureFixture) -> None:
    """A write is one line at info with keys and versions; a quiet pass is debug."""
    changes = (Change("a", Act.UPDATE, "v2"), Change("b", Act.REMOVE))
    log_outcome("event", Converged(TARGET, changes, 7))
    log_outcome("timer", Converged(TARGET, (), 7))
    assert [record.levelno for record in log.records] == [logging.INFO, logging.DEBUG]
    assert "update a v2, remove b" in log.records[0].getMessage()


def test_many_changes_make_no_long_line(log: pytest.LogCaptureFixture) -> None:
    """A line names some changes and counts the rest."""
    changes = tuple(Change(f"key{number:03}", Act.CREATE, "f" * 32) for number in range(500))
    log_outcome("timer", Converged(TARGET, changes, 500))
    assert "and 480 more" in log.text
    assert len(log.records[0].getMessage()) < 2000


def test_a_dry_run_is_not_logged_as_done(log: pytest.LogCaptureFixture) -> None:
    """What was only planned is not told as if it had been written."""
    change = Change("a", Act.UPDATE, "v2")
    log_outcome("resync", Converged(TARGET, (change,), 7, dry_run=True))
    assert "in step" not in log.text


def test_expired_secrets_are_a_warning(log: pytest.LogCaptureFixture) -> None:
    """Expired secrets are named where the operators look."""
    log_outcome("timer", Converged(TARGET, (), 7, ("old", "older")))
    assert log.records[-1].levelno == logging.WARNING
    assert "old, older" in log.text


def test_a_pass_is_counted(log: pytest.LogCaptureFixture) -> None:
    """A pass ends with a line that says how many vaults there were and how many failed."""
    log_pass("timer", [Converged(TARGET), Failed("v", Transient("X", "x"))])
    assert "2 vaults, 1 of them failed" in log.records[-1].getMessage()


def test_wrong_settings_are_an_error(log: pytest.LogCaptureFixture) -> None:
    """An app that cannot work says so at error."""
    log_settings_fault(ValueError("SYNC_PRUNE is wrong."))
    assert log.records[-1].levelno == logging.ERROR


def test_no_value_is_logged(log: pytest.LogCaptureFixture) -> None:
    """Whatever happens to a secret, its value is in no line."""
    world = World.new()
    world.put("a", "pl4nted")
    for force in (False, True):
        done = world.sweep(force=force)
        log_outcome("timer", Converged(world.target, done.changes, done.keys, done.expired))
        world.put("a", "pl4nted\ud800" if force else "pl4nted too")
    done = world.event(Hint("a"))
    log_outcome("event", Failed("v", done.unread["a"], world.target))
    assert len(log.records) == 3
    assert "pl4nted" not in log.text
