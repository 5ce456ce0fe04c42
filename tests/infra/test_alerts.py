"""The alerts' queries read what the app logs, and the host keeps what they read."""

import json
import logging
import re
from pathlib import Path

import pytest

from sync import telemetry
from sync.core.errors import Permanent, Transient
from sync.core.model import Target, VaultName
from sync.core.outcomes import Converged, Failed, Notice
from sync.core.reasons import Reason

ROOT = Path(__file__).parents[2]
ALERTS = json.loads((ROOT / "infra/alerts/alerts.json").read_text())
SHOP = VaultName("weu-ds-akv-shop-dev-1")
TARGET = Target(SHOP, "default", "shop-dev", "keyvault-project")


def patterns(alert: str) -> list[str]:
    """Return the regular expressions of a query; RE2's and Python's are the same in these."""
    return re.findall(r"@'([^']+)'", "\n".join(ALERTS[alert]["query"]))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Log a pass over a vault in step, one that failed for now and one that failed for good."""
    caplog.set_level(logging.INFO)
    telemetry.log_pass(
        "timer",
        [
            Converged(
                TARGET,
                expired=("old",),
                warnings=(Notice(Reason.SETTINGS_DIFFER, "Key: odd: a word."),),
            ),
            Failed("weu-ds-akv-shop-dev-2", Transient(Reason.VAULT_THROTTLED, "Wait: a little.")),
            Failed("discovery", Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, "No role.")),
        ],
    )
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("alert", ["oldest-unsynced-change", "reconcile-not-run"])
def test_one_line_ends_a_pass(alert: str, lines: list[str]) -> None:
    """What the queries count as a pass is the one line that the app logs at its end."""
    ended = patterns(alert)[0]
    (failed,) = [line for line in lines if re.search(ended, line)]
    assert failed.startswith("timer: 2 vaults, 1 of them failed: weu-ds-akv-shop-dev-2 ")


@pytest.mark.parametrize("alert", ["oldest-unsynced-change", "reconcile-not-run"])
def test_so_does_the_line_of_a_pass_without_failures(
    alert: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A pass in which nothing failed counts as well."""
    caplog.set_level(logging.INFO)
    telemetry.log_pass("timer", [Converged(TARGET)])
    (line,) = [record.getMessage() for record in caplog.records]
    assert re.search(patterns(alert)[0], line)


def test_failures_name_their_vault(lines: list[str]) -> None:
    """What the query takes for a vault is the subject of each failure, and of nothing else."""
    _, failure = patterns("oldest-unsynced-change")
    found = [match[1] for line in lines if (match := re.search(failure, line))]
    assert found == ["weu-ds-akv-shop-dev-2", "discovery"]


def test_the_host_samples_nothing_that_is_read() -> None:
    """Application Insights keeps every request, exception and log line, or an alert would lie."""
    host = json.loads((ROOT / "host.json").read_text())
    settings = host["logging"]["applicationInsights"]["samplingSettings"]
    assert set(settings["excludedTypes"].split(";")) >= {"Request", "Exception", "Trace"}


def test_measures_are_columns_of_their_queries() -> None:
    """Each alert measures, and splits by, what its query makes."""
    for alert in ALERTS.values():
        query = "\n".join(alert["query"])
        assert f"{alert['measure']} = " in query
        assert not alert["dimension"] or alert["dimension"] in query.splitlines()[-1]
