"""The log: one line an outcome, at the level that says who should look."""

import logging
from dataclasses import replace

import pytest

from sync.core.changes import Action, Change
from sync.core.errors import (
    Malformed,
    NotOurs,
    Permanent,
    SyncError,
    Transient,
    Unattended,
    Unexpected,
)
from sync.core.model import Hint, SecretName
from sync.core.outcomes import Converged, Failed, Ignored, Notice
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.telemetry import (
    Failures,
    log_outcome,
    log_pass,
    log_passed,
    log_status,
    log_sum,
    log_unannounced,
    print_settings_fault,
)
from tests.kit.fakes import Clock, target_of, vault_name
from tests.kit.world import World

TARGET = target_of(vault_name())


def foreign(number: int) -> Ignored:
    """Return the outcome of an event of that foreign subscription."""
    return Ignored("event", NotOurs(Reason.SUBSCRIPTION_NOT_ALLOWED, f"Subscription {number}."))


@pytest.fixture
def clock() -> Clock:
    """Return the time."""
    return Clock(7.0)


@pytest.fixture
def failures(clock: Clock) -> Failures:
    """Return the failures of a process that has just started."""
    return Failures(clock)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Keep every line."""
    caplog.set_level(logging.DEBUG, "keyvault-sync")
    return caplog


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (Permanent(Reason.VAULT_FORBIDDEN, "x"), logging.ERROR),
        (Malformed(Reason.EVENT_MALFORMED, "x"), logging.ERROR),
        (Transient(Reason.VAULT_UNAVAILABLE, "x"), logging.WARNING),
        (NotOurs(Reason.EVENT_TYPE_IGNORED, "x"), logging.INFO),
        (NotOurs(Reason.SUBSCRIPTIONS_UNSET, "x"), logging.WARNING),
        (NotOurs(Reason.SECRET_EXPIRED, "x"), logging.WARNING),
        pytest.param(
            Unexpected(Reason.BUG, "x"),
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
    changes = (Change("a", Action.UPDATE, "v2"), Change("b", Action.REMOVE))
    log_outcome("event", Converged(TARGET, changes, 7))
    log_outcome("timer", Converged(TARGET, (), 7))
    assert [record.levelno for record in log.records] == [logging.INFO, logging.DEBUG]
    assert "update a v2, remove b" in log.records[0].getMessage()


def test_many_changes_make_no_long_line(log: pytest.LogCaptureFixture) -> None:
    """A line names some changes and counts the rest."""
    changes = tuple(Change(f"key{number:03}", Action.CREATE, "f" * 32) for number in range(500))
    log_outcome("timer", Converged(TARGET, changes, 500))
    assert "and 480 more" in log.text
    assert len(log.records[0].getMessage()) < 2000


def test_a_dry_run_is_not_logged_as_done(log: pytest.LogCaptureFixture) -> None:
    """What was only planned is not told as if it had been written."""
    change = Change("a", Action.UPDATE, "v2")
    log_outcome("resync", Converged(TARGET, (change,), 7, dry_run=True))
    assert "in step" not in log.text


def test_expired_secrets_are_a_warning(log: pytest.LogCaptureFixture) -> None:
    """Expired secrets are named where the operators look."""
    log_outcome("timer", Converged(TARGET, (), 7, ("old", "older")))
    assert log.records[-1].levelno == logging.WARNING
    assert "old, older" in log.text


def test_a_change_in_another_secret_names_it(log: pytest.LogCaptureFixture) -> None:
    """A key of a Secret that is not the vault's own is told with it."""
    log_outcome(
        "event", Converged(TARGET, (Change("tls.crt", Action.UPDATE, "v2", secret="web"),), 7)
    )
    assert "update web/tls.crt v2" in log.text


def test_warnings_are_told_once_a_pass(log: pytest.LogCaptureFixture) -> None:
    """What is odd is one warning of a vault in each pass, never a long one, and none an event."""
    odd = tuple(Notice(Reason.SETTINGS_DIFFER, f"Key 'k-{n}' is odd.") for n in range(30))
    outcome = Converged(TARGET, keys=7, warnings=odd)
    log_outcome("event", outcome)
    log_pass("timer", [outcome, Converged(TARGET)])
    (told,) = (record for record in log.records if record.levelno == logging.WARNING)
    assert told.getMessage().startswith(
        f"timer: vault {TARGET.vault}: SettingsDiffer: Key 'k-0' is odd."
    )
    assert told.getMessage().endswith("Key 'k-19' is odd. and 10 more")


def test_an_event_warns_of_what_it_has_changed(
    log: pytest.LogCaptureFixture, failures: Failures
) -> None:
    """Of its own secret and of a whole Secret, ten times an hour; a pass tells of the others."""
    told = [
        Notice(Reason.SECRET_BLANKED, "It is empty now."),
        Notice(Reason.NOT_VALID_YET, "It waits.", "mine"),
        Notice(Reason.NOT_VALID_YET, "Another one waits.", "theirs"),
    ]
    change = Change("mine", Action.UPDATE, "v2", source="mine")
    for _ in range(12):
        failures.log("event", Converged(TARGET, (change,), 7, warnings=tuple(told)))
    warned = [each.getMessage() for each in log.records if each.levelno == logging.WARNING]
    assert warned[:2] == [
        f"event: vault {TARGET.vault}: SecretBlanked: It is empty now.",
        f"event: vault {TARGET.vault}: NotValidYet: It waits.",
    ]
    assert len(warned) == 2 * 10


def test_a_pass_is_counted(log: pytest.LogCaptureFixture) -> None:
    """A pass ends with a line that says how many vaults there were and how many failed."""
    log_pass("timer", [Converged(TARGET), Failed("v", Transient(Reason.VAULT_UNAVAILABLE, "x"))])
    assert "2 vaults, 1 of them failed" in log.records[-1].getMessage()


def test_a_pass_that_finds_what_no_event_brought_says_so(log: pytest.LogCaptureFixture) -> None:
    """Minutes after a new version was set its event is overdue, but for a Secret that is new."""
    change = Change("a", Action.UPDATE, "v2", updated=1000)
    log_unannounced([Converged(TARGET, (change,), keys=2)], 1100.0)
    log_unannounced([Converged(TARGET, (change,), keys=1)], 2000.0)
    log_unannounced([Converged(TARGET, (Change("a", Action.REMOVE, updated=1),), keys=2)], 2000.0)
    assert log.messages == []
    log_unannounced([Converged(TARGET, (change,), keys=2)], 2000.0)
    (told,) = log.messages
    assert f"keyvault-sync doctor {TARGET.vault}" in told


def test_only_a_new_version_has_an_event_of_its_own() -> None:
    """Of a key that a tag renamed no event tells: its change has no time to be late by."""
    world = World.in_step("a", "b")
    world.tag("a", key="K")
    told = {change.key: change.updated for change in world.sweep().changes}
    assert told["K"] == 0
    world.put("b", "new")
    (change,) = world.sweep().changes
    assert change.updated == int(world.clock())


def test_wrong_settings_are_a_line_on_stderr(
    log: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it is indexed the app prints why it cannot work, since the host drops what it logs."""
    print_settings_fault(ValueError("SYNC_PRUNE is wrong.\nSo is SYNC_X."))
    told = capsys.readouterr().err
    assert told == "The app's settings are wrong. SYNC_PRUNE is wrong. So is SYNC_X.\n"
    assert log.records == []


def test_a_pass_is_logged_as_it_goes(log: pytest.LogCaptureFixture) -> None:
    """Each outcome has its lines before the pass is over; the sum counts them all."""
    late = Failed("v", Transient(Reason.VAULT_UNAVAILABLE, "x"))
    log_passed("timer", late)
    assert [record.getMessage() for record in log.records] == ["timer: v: VaultUnavailable: x"]
    log_sum("timer", [late, Converged(TARGET)])
    assert log.records[-1].getMessage().startswith("timer: 2 vaults, 1 of them failed: v Vault")


def test_no_value_is_logged(log: pytest.LogCaptureFixture) -> None:
    """Whatever happens to a secret, its value is in no line."""
    world = World.new()
    world.put("a", "pl4nted")
    for again in (False, True):
        done = world.sweep(refetch=again)
        log_outcome("timer", Converged(world.target, done.changes, done.keys, done.expired))
        world.put("a", "pl4nted\ud800" if again else "pl4nted too")
    done = world.event(Hint(SecretName("a")))
    log_outcome("event", Failed("v", done.refused[SecretName("a")], world.target))
    assert len(log.records) == 3
    assert "pl4nted" not in log.text


def test_a_search_is_no_vault(log: pytest.LogCaptureFixture) -> None:
    """A search that failed has its own line in a pass, and is not counted with the vaults."""
    log_pass(
        "timer", [Failed("discovery", Permanent(Reason.VAULT_FORBIDDEN, "x")), Converged(TARGET)]
    )
    assert log.records[0].levelno == logging.ERROR
    assert "1 vaults, 0 of them failed" in log.records[-1].getMessage()


def test_a_status_says_who_asked(log: pytest.LogCaptureFixture) -> None:
    """The status has one line with its caller and its size."""
    log_status("status by someone", [None, Transient(Reason.VAULT_UNAVAILABLE, "x")])
    assert [r.getMessage() for r in log.records] == ["status by someone: 2 told, 1 of them failed"]


def test_a_cause_is_logged_some_times_and_counted(
    log: pytest.LogCaptureFixture, failures: Failures
) -> None:
    """However often one cause is met, it has ten lines, and a count in the report."""
    for _ in range(1200):
        failures.log("event", foreign(1))
    for _ in range(4):
        failures.log("event", Failed("event", Malformed(Reason.EVENT_MISMATCH, "x")))
    levels = [record.levelno for record in log.records]
    assert levels == [logging.WARNING] * 10 + [logging.ERROR] * 4
    failures.report("timer")
    told = log.records[-1].getMessage()
    assert "1,204 failed or refused" in told
    assert told.endswith("SubscriptionNotAllowed 1,200, EventMismatch 4")
    failures.report("timer")
    assert len(log.records) == 15


def test_a_cause_is_logged_again_after_an_hour(
    log: pytest.LogCaptureFixture, failures: Failures, clock: Clock
) -> None:
    """What stays wrong is said again, and reports in between do not make it new."""
    for _ in range(20):
        failures.log("event", foreign(1))
    failures.report("timer")
    clock.now += 3599
    failures.log("event", foreign(1))
    assert log.text.count("Subscription 1.") == 10
    clock.now += 1
    failures.log("event", foreign(1))
    assert log.text.count("Subscription 1.") == 11


def test_an_instance_without_timer_reports_too(
    log: pytest.LogCaptureFixture, failures: Failures, clock: Clock
) -> None:
    """Events may be served where no pass ever runs: the counts are told after five minutes."""
    failures.log("event", foreign(1))
    clock.now += 300
    failures.log("event", foreign(1))
    assert "event: 2 failed or refused in the last 300 s: SubscriptionNotAllowed 2" in log.text


def test_whoever_varies_names_fills_neither_log_nor_memory(
    log: pytest.LogCaptureFixture, failures: Failures
) -> None:
    """A hundred causes of a reason are named and the rest is counted; other reasons are heard."""
    for number in range(10_000):
        failures.log("event", foreign(number))
    assert len(log.records) == 100
    failures.log("event", Failed("v", Permanent(Reason.NAMESPACE_MISSING, "x")))
    assert log.records[-1].levelno == logging.ERROR
    assert len(log.records) == 101
    failures.report("timer")
    assert "SubscriptionNotAllowed 10,000 (not all causes are logged)" in log.text


def test_whoever_repeats_many_causes_hides_no_other(
    log: pytest.LogCaptureFixture, failures: Failures
) -> None:
    """A hundred repeats of a reason are logged; each new cause of it still has its line."""
    for number in [*range(50), *range(50)] * 10:
        failures.log("event", foreign(number))
    assert len(log.records) == 50 + 100
    failures.log("event", foreign(50))
    assert "Subscription 50." in log.records[-1].getMessage()


@pytest.mark.parametrize(
    "outcome",
    [
        Failed("event", Malformed(Reason.EVENT_MALFORMED, "It is not JSON.")),
        Failed("v", Permanent(Reason.TARGET_TAKEN, "x"), TARGET),
        Failed("v", Permanent(Reason.TARGET_CONTESTED, "x"), TARGET),
        Failed("v", Permanent(Reason.NAMESPACE_PROTECTED, "x")),
        Failed("v", Unattended(Reason.NAMESPACE_MISSING, "x"), TARGET),
        Failed("v", Transient(Reason.VAULT_NAME_UNRESOLVED, "x"), TARGET),
        Failed("v", Transient(Reason.SECRET_NOT_SERVED_YET, "x"), TARGET),
        Failed("v", Unexpected(Reason.BUG, "x"), TARGET),
    ],
    ids=lambda outcome: str(outcome.error.reason),
)
def test_whatever_anybody_can_cause_is_a_few_lines(
    log: pytest.LogCaptureFixture, failures: Failures, outcome: Failed
) -> None:
    """Events of a made-up vault, or of another one's Secret, fill no log, however they fail."""
    for _ in range(1000):
        failures.log("event", outcome)
    assert len(log.records) == 10
    failures.report("timer")
    assert f"{outcome.error.reason} 1,000" in log.text


def test_a_warning_that_events_repeat_is_a_few_lines(
    log: pytest.LogCaptureFixture, failures: Failures
) -> None:
    """Of a vault with an expired secret each event tells so, and no flood of them fills the log."""
    for _ in range(1000):
        failures.log("event", Converged(TARGET, (), 7, ("old",)))
    warned = [record for record in log.records if record.levelno == logging.WARNING]
    assert len(warned) == 10
    failures.report("timer")
    assert "refused" not in log.text


def test_every_change_is_logged(log: pytest.LogCaptureFixture, failures: Failures) -> None:
    """What was written is no failure: each write has its line."""
    for _ in range(200):
        failures.log("event", Converged(TARGET, (Change("a", Action.UPDATE, "v2"),), 7))
    assert len(log.records) == 200


def test_an_event_that_leads_to_no_vault_is_called_so_once(log: pytest.LogCaptureFixture) -> None:
    """A line names its trigger and its subject, and one word where the two are the same."""
    log_outcome("event", Failed("event", Malformed(Reason.EVENT_MALFORMED, "It is no JSON.")))
    log_outcome("event", Failed("v", Malformed(Reason.EVENT_MISMATCH, "Two names.")))
    assert [record.getMessage() for record in log.records] == [
        "event: EventMalformed: It is no JSON.",
        "event: v: EventMismatch: Two names.",
    ]


def test_restarts_are_logged(failures: Failures, log: pytest.LogCaptureFixture) -> None:
    """What was restarted, what waits, and what somebody should see to, ten times an hour."""
    web = Restart("default", "shop-dev", "Deployment", "web", ("orders/a", "orders/b"))
    failures.log_restart("event", web)
    failures.log_restart("timer", replace(web, error=Transient(Reason.WORKLOAD_WAITS, "Later.")))
    for _ in range(20):
        refused = Permanent(Reason.WORKLOAD_REFUSED, "No.")
        failures.log_restart("timer", replace(web, error=refused))
    about = "Deployment web in namespace shop-dev of cluster default"
    assert [(each.levelname, each.getMessage()) for each in log.records][:3] == [
        ("INFO", f"event: restarted {about}, which reads orders/a, orders/b"),
        ("INFO", "timer: WorkloadWaits: Later."),
        ("WARNING", "timer: WorkloadRefused: No."),
    ]
    assert len(log.records) == 12
