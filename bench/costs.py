"""Computes the monthly cost from measured calls and list prices: `python -m bench.costs`."""

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bench.timing import table
from local.key_vault import Vault
from local.stack import ROOT, Stack, local_stack
from sync.app.use_cases import PASS
from sync.app.work_queue import Threads

VAULTS = (10, 100, 1_000)
SECRETS = (25, 100)

HOURS = 730  # a month
PASS_MINUTES = 5  # SYNC_SCHEDULE's default
CHANGES_A_DAY = 4  # new versions in each vault
MEMORY_GB = 2
CALL_SECONDS = 0.02  # for a vault or a cluster, also to open a connection
CPU_SECONDS = 0.005  # of the one core of 2,048 MB, per call
START_SECONDS = 1.0  # to log in and to find the cluster
HOST_RECORDS_A_PASS = 60  # for an instance that starts for the pass
HOST_RECORDS_AN_EVENT = 5
RECORD_GB = 1.5e-6
STORAGE_WRITES_A_PASS = 4
STORAGE_OTHERS_A_PASS = 64  # mostly leases
ROLE_ASSIGNMENTS_A_VAULT = 2  # the app's on the vault, the topic's on the dead letters

_LEAST_BILLED_SECONDS = 1.0
_BILLED_STEPS_A_SECOND = 10
_LONG_AGO_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per number of units, with a monthly free grant; `seen` is a month."""

    name: str
    dollars: float
    per: int
    seen: str
    page: str
    free: int = 0

    def of(self, quantity: float) -> float:
        """Return the dollars for that quantity in a month."""
        return max(0.0, quantity - self.free) * self.dollars / self.per


TIME = Price("Functions on demand, GB-s", 0.000026, 1, "2026-08", "functions", 100_000)
EXECUTIONS = Price(
    "Functions on demand, executions", 0.40, 1_000_000, "2026-08", "functions", 250_000
)
READY_BASELINE = Price("Functions always ready, GB-s there", 0.000004, 1, "2026-10", "functions")
READY_TIME = Price("Functions always ready, GB-s at work", 0.000016, 1, "2026-10", "functions")
READY_EXECUTIONS = Price(
    "Functions always ready, executions", 0.40, 1_000_000, "2026-10", "functions"
)
OPERATIONS = Price("Key Vault, operations on secrets", 0.03, 10_000, "2026-10", "key-vault")
EVENTS = Price("Event Grid, operations", 0.60, 1_000_000, "2024-07", "event-grid", 100_000)
LOGS = Price("Log Analytics, GB taken in", 2.99, 1, "2024-08", "monitor", 5)
LOG_ALERTS = {
    "PT5M": Price("log alert rule, every 5 minutes", 1.50, 1, "2026-10", "monitor"),
    "PT10M": Price("log alert rule, every 10 minutes", 1.00, 1, "2024-07", "monitor"),
    "PT15M": Price("log alert rule, every 15 minutes", 0.50, 1, "2024-07", "monitor"),
}
ALERTS_A_VAULT = 2  # on dead-lettered and on dropped events
METRIC_ALERTS = Price("metric alert rule, time series", 0.10, 1, "2026-10", "monitor", 10)
WRITES = Price("Blob storage LRS, writes", 0.054, 10_000, "2024-07", "storage/blobs")
OTHERS = Price("Blob storage LRS, other operations", 0.0043, 10_000, "2024-07", "storage/blobs")
ENDPOINT = Price("private endpoint, hours", 0.01, 1, "2024-07", "private-link")
DNS_ZONE = Price("private DNS zone", 0.50, 1, "2026-10", "dns")
PRICES = (
    TIME,
    EXECUTIONS,
    READY_BASELINE,
    READY_TIME,
    READY_EXECUTIONS,
    OPERATIONS,
    EVENTS,
    LOGS,
    *LOG_ALERTS.values(),
    METRIC_ALERTS,
    WRITES,
    OTHERS,
    ENDPOINT,
    DNS_ZONE,
)


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one vault in a quiet pass of a fresh process, and the calls of an event.

    `event_gets` includes those of the next pass.
    """

    secrets: int
    lists: int
    gets: int
    reads: int
    event_gets: int
    event_reads: int
    event_writes: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The number of always-ready instances: for events and requests, and for the timer."""

    http: int = 0
    timer: int = 0


ON_DEMAND = Ready()
ONE_READY = Ready(http=1)
ZONE_REDUNDANT = Ready(http=2, timer=2)


@dataclass(frozen=True, slots=True)
class Month:
    """A month with so many equal vaults; `frequencies` are those of the log alerts."""

    vaults: int
    calls: Calls
    frequencies: Sequence[str]

    @property
    def passes(self) -> int:
        """The number of passes."""
        return HOURS * 60 // PASS_MINUTES

    @property
    def events(self) -> float:
        """The number of events."""
        return self.vaults * CHANGES_A_DAY * HOURS / 24

    @property
    def pass_seconds(self) -> float:
        """The duration of a pass in a fresh process."""
        return START_SECONDS + self.vaults * self._vault_seconds

    @property
    def most_vaults(self) -> int:
        """The maximum number of such vaults in one pass."""
        return int((PASS.total - START_SECONDS) / self._vault_seconds)

    @property
    def _vault_seconds(self) -> float:
        """One vault's share of a pass: its calls wait concurrently, but share one core."""
        calls = self.calls
        made = 1 + calls.lists + calls.gets + calls.reads  # 1: the connection
        return made * max(CALL_SECONDS / Threads().passes, CPU_SECONDS)

    def costs(self, ready: Ready = ON_DEMAND) -> dict[str, float]:
        """Return the dollars by category."""
        calls = self.calls
        operations = self.passes * self.vaults * (calls.lists + calls.gets)
        logged = self.passes * (HOST_RECORDS_A_PASS + 1) + self.events * (HOST_RECORDS_AN_EVENT + 1)
        return {
            "Key Vault": OPERATIONS.of(operations + self.events * calls.event_gets),
            "metric alerts": METRIC_ALERTS.of(ALERTS_A_VAULT * self.vaults),
            "Functions": self._functions(ready),
            "log alerts": sum(LOG_ALERTS[frequency].of(1) for frequency in self.frequencies),
            "Event Grid": EVENTS.of(2 * self.events),  # ingress and delivery
            "storage": WRITES.of(self.passes * STORAGE_WRITES_A_PASS)
            + OTHERS.of(self.passes * STORAGE_OTHERS_A_PASS),
            "Log Analytics": LOGS.of(logged * RECORD_GB),
        }

    def total(self, ready: Ready = ON_DEMAND) -> float:
        """Return the total in dollars."""
        return sum(self.costs(ready).values())

    def _functions(self, ready: Ready) -> float:
        calls = self.calls
        an_event = calls.event_gets + calls.event_reads + calls.event_writes
        loads = (
            (self.passes, billed(self.pass_seconds), ready.timer),
            (self.events, billed(an_event * CALL_SECONDS), ready.http),
        )
        at_hand = [(times, seconds) for times, seconds, instances in loads if instances]
        on_demand = [(times, seconds) for times, seconds, instances in loads if not instances]
        return (
            TIME.of(_gigabyte_seconds(on_demand))
            + EXECUTIONS.of(sum(times for times, _ in on_demand))
            + READY_TIME.of(_gigabyte_seconds(at_hand))
            + READY_EXECUTIONS.of(sum(times for times, _ in at_hand))
            + READY_BASELINE.of((ready.http + ready.timer) * MEMORY_GB * HOURS * 3600)
        )


def billed(seconds: float) -> float:
    """Return the billed duration of an execution: steps of 100 ms, at least 1 s."""
    steps = math.ceil(round(seconds * _BILLED_STEPS_A_SECOND, 6))
    return max(_LEAST_BILLED_SECONDS, steps / _BILLED_STEPS_A_SECOND)


def _gigabyte_seconds(loads: Sequence[tuple[float, float]]) -> float:
    return MEMORY_GB * sum(times * seconds for times, seconds in loads)


def alert_frequencies() -> tuple[str, ...]:
    """Return how often each log alert is evaluated."""
    alerts: dict[str, dict[str, object]] = json.loads(
        (ROOT / "infra" / "alerts" / "alerts.json").read_text()
    )
    return tuple(str(alert["frequency"]) for alert in alerts.values())


def measure(folder: Path) -> list[Calls]:
    """Count the calls for a vault of each size, at the servers of the local stack."""
    with local_stack(folder) as stack:
        published: list[dict[str, object]] = []
        stack.vaults.publish = published.append
        ago = _LONG_AGO_SECONDS
        stack.vaults.clock = lambda: time.time() - ago
        vaults = {count: _fill(stack, count) for count in SECRETS}
        ago = 0  # the vaults also date their responses by this clock
        with stack.host(stack.app_environment(), timer=False) as host:
            for vault in vaults.values():
                answer = host.post("/api/resync", {"vault": vault.name})
                if answer.status != HTTPStatus.OK:
                    raise RuntimeError(f"resync of {vault.name}: {answer.body}")
        return [_count(stack, vault, count, published) for count, vault in vaults.items()]


def _fill(stack: Stack, count: int) -> Vault:
    stack.namespace(f"costs-s{count}")
    vault = stack.vault(f"weu-DS-AKV-costs-s{count}-1")
    for number in range(count):
        vault.set_secret(f"secret-{number:03}", f"value-{number}")
    return vault


def _count(
    stack: Stack, vault: Vault, secrets: int, published: Sequence[dict[str, object]]
) -> Calls:
    requests = stack.cluster.requests
    with stack.host(stack.app_environment([vault.name]), timer=False) as host:
        vault.reset_requests()
        requests.reset()
        host.fire("reconcile_drift")
        asked, reads = vault.requests(), requests.count("get", "secrets")
        vault.set_secret("secret-000", "changed")
        vault.reset_requests()
        requests.reset()
        host.deliver("key_vault_event", published[-1])
        event_reads, event_writes = (requests.count(verb, "secrets") for verb in ("get", "patch"))
        host.fire("reconcile_drift")
        return Calls(
            secrets,
            asked["list"],
            asked["get"],
            reads,
            vault.requests()["get"],
            event_reads,
            event_writes,
        )


def report(measured: Sequence[Calls], frequencies: Sequence[str]) -> str:
    """Return the tables: what was measured, the prices, and what a month costs."""
    return "\n".join(
        (_calls_table(measured), _prices_table(), _months_table(measured, frequencies))
    )


def _calls_table(measured: Sequence[Calls]) -> str:
    told: dict[str, Callable[[Calls], int]] = {
        "a pass: list calls": lambda calls: calls.lists,
        "a pass: gets": lambda calls: calls.gets,
        "a pass: Secret reads": lambda calls: calls.reads,
        "an event and the pass after it: gets": lambda calls: calls.event_gets,
        "an event: Secret reads": lambda calls: calls.event_reads,
        "an event: Secret writes": lambda calls: calls.event_writes,
    }
    headings = ("Calls for a vault, measured; its secrets:", *(str(c.secrets) for c in measured))
    rows = ((name, *(str(tell(calls)) for calls in measured)) for name, tell in told.items())
    return table(headings, rows)


def _prices_table() -> str:
    headings = ("List prices", "USD", "per", "free a month", "seen", "page")
    rows = (
        (
            price.name,
            f"{price.dollars:.6f}",
            f"{price.per:,}",
            f"{price.free:,}" if price.free else "-",
            price.seen,
            price.page,
        )
        for price in PRICES
    )
    return table(headings, rows)


def _months_table(measured: Sequence[Calls], frequencies: Sequence[str]) -> str:
    months = [Month(vaults, calls, frequencies) for vaults in VAULTS for calls in measured]

    def row(name: str, tell: Callable[[Month], float], form: str = ",.2f") -> tuple[str, ...]:
        return (name, *(format(tell(month), form) for month in months))

    def more(ready: Ready) -> Callable[[Month], float]:
        return lambda month: month.total(ready) - month.total()

    def dollars(name: str) -> Callable[[Month], float]:
        return lambda month: month.costs()[name]

    endpoint = ENDPOINT.of(HOURS) + DNS_ZONE.of(1)
    return table(
        ("USD a month; vaults:", *(f"{month.vaults:,}" for month in months)),
        (
            row("secrets in each", lambda month: month.calls.secrets, "d"),
            *(row(name, dollars(name)) for name in months[0].costs()),
            row("in all", Month.total),
            row("one instance always ready: more", more(ONE_READY)),
            row("zone redundancy: more", more(ZONE_REDUNDANT)),
            row("private endpoint: more", lambda _: endpoint),
            row(f"seconds of a pass, of {PASS.total:.0f}", lambda month: month.pass_seconds, ".1f"),
            row("vaults that fit a pass", lambda month: month.most_vaults, ",d"),
            row(
                "role assignments, of 4,000",
                lambda month: month.vaults * ROLE_ASSIGNMENTS_A_VAULT,
                ",d",
            ),
        ),
    )


def main() -> None:
    """Measure, and print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    print(report(measured, alert_frequencies()), end="")


if __name__ == "__main__":
    main()
