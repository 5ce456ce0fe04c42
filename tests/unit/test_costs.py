"""What a month costs: the arithmetic, and that docs/costs.md tells of it as it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.costs import (
    LOG_ALERTS,
    METRIC_ALERTS,
    ON_DEMAND,
    ONE_READY,
    READY_BASELINE,
    TIME,
    Calls,
    Month,
    alert_frequencies,
    billed,
    measure,
    report,
)

ROOT = Path(__file__).parents[2]
SMALL = Calls(
    secrets=25,
    lists=1,
    gets=0,
    reads=1,
    event_gets=2,
    event_reads=1,
    event_writes=1,
)
LARGE = replace(SMALL, secrets=100, lists=4)


def test_the_document_shows_the_tables() -> None:
    """Each table of docs/costs.md is what the script prints of these calls and the alerts."""
    document = (ROOT / "docs" / "costs.md").read_text()
    for printed in report([SMALL, LARGE], alert_frequencies()).split("\n\n"):
        assert printed.strip("\n") in document


def test_the_app_makes_the_counted_calls(tmp_path: Path) -> None:
    """The app on the local stack makes the calls that the document counts, and no others."""
    assert measure(tmp_path) == [SMALL, LARGE]


def test_executions_are_rounded_up() -> None:
    """An execution is billed for a second at least, and beyond that in steps of 100 ms."""
    assert [billed(seconds) for seconds in (0, 0.06, 1, 1.01, 2.1, 36)] == [1, 1, 1, 1.1, 2.1, 36]


def test_what_is_free_is_not_paid() -> None:
    """Only what exceeds the month's free grant has a price."""
    assert METRIC_ALERTS.of(9) == METRIC_ALERTS.of(10) == 0
    assert METRIC_ALERTS.of(12) == pytest.approx(0.2)
    assert TIME.of(100_001) == pytest.approx(0.000026)


def test_vaults_pay_for_lists_and_gets() -> None:
    """Key Vault bills each list of each pass, and the gets of each event."""
    lists, gets = 8_760 * 1_000 * 4, 1_000 * 4 * 730 / 24 * 2
    expected = (lists + gets) / 10_000 * 0.03
    assert Month(1_000, LARGE, ()).costs()["Key Vault"] == pytest.approx(expected)


def test_a_pass_waits_for_calls_or_for_its_core() -> None:
    """A vault takes the core's time for its calls, which is more than an eighth of the wait."""
    assert Month(1_000, LARGE, ()).pass_seconds == pytest.approx(1 + 1_000 * 6 * 0.005)
    assert Month(10, SMALL, ()).pass_seconds == pytest.approx(1 + 10 * 3 * 0.005)


def test_the_most_vaults_just_fit_a_pass() -> None:
    """One vault more than the most would end after the pass's time."""
    most = Month(1, LARGE, ()).most_vaults
    assert Month(most, LARGE, ()).pass_seconds <= 270 < Month(most + 1, LARGE, ()).pass_seconds


def test_an_instance_always_ready_is_paid_all_month() -> None:
    """Beside its baseline, the executions on it have no free grant."""
    month = Month(10, SMALL, ())
    baseline = READY_BASELINE.of(2 * 730 * 3600)
    events = 10 * 4 * 730 / 24
    at_work = events * (2 * 0.000016 + 0.40 / 1_000_000)
    more = month.total(ONE_READY) - month.total(ON_DEMAND)
    assert more == pytest.approx(baseline + at_work)


def test_every_log_alert_has_a_price() -> None:
    """The alerts are evaluated at frequencies that the price list knows."""
    assert alert_frequencies()
    assert LOG_ALERTS.keys() >= set(alert_frequencies())
