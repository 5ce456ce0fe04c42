"""What the soak calls flat, back and bounded, on series made for it."""

import base64
import math
import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest

from bench.soak import values
from bench.soak.checks import (
    MEMORY_MEBIBYTES,
    Verdict,
    back,
    few,
    flat,
    nothing,
    percentiles,
    under_load,
    within,
)
from bench.soak.plots import EVENT, Plot
from bench.soak.run import REST, Moment
from bench.soak.samples import Log, Sample
from local.key_vault import KeyVaults
from local.kubernetes import Cluster
from sync.core.errors import SyncError

SECONDS = 200
SEED = 7


def memory(shape: Callable[[float], float], noise: float = 0.0) -> Verdict:
    """Judge a series of mebibytes, `shape` of the time from 0 to 1, with that much noise."""
    made = random.Random(SEED)  # noqa: S311 - noise
    series = [90 + shape(at / SECONDS) + made.gauss(0, noise) for at in range(SECONDS)]
    return flat("memory", series, MEMORY_MEBIBYTES)


def saw(at: float) -> float:
    """Rise by 12 and fall again, seven times."""
    return 12 * (at * 7 % 1)


@pytest.mark.parametrize(
    ("shape", "noise"),
    [
        pytest.param(lambda _: 0.0, 0.0, id="flat"),
        pytest.param(lambda _: 0.0, 5.0, id="noisy"),
        pytest.param(saw, 0.0, id="sawtooth"),
        pytest.param(lambda at: 20.0 * (at > 0.3), 1.0, id="a cache that fills early"),
        pytest.param(lambda at: 20.0 * (at > 0.5), 1.0, id="one that fills midway"),
        pytest.param(lambda at: 20.0 * (at > 0.8), 1.0, id="one that fills late"),
        pytest.param(lambda at: 20 * (1 - math.exp(-12 * at)), 1.0, id="one that fills slowly"),
        pytest.param(lambda at: 80.0 * (0.4 < at < 0.42), 1.0, id="a peak"),
        pytest.param(lambda at: -10 * at, 1.0, id="falling"),
    ],
)
def test_what_stays_or_fills_once_is_flat(shape: Callable[[float], float], noise: float) -> None:
    """Noise, peaks, garbage that is collected and caches that are full at some time are no leak."""
    assert memory(shape, noise).held


@pytest.mark.parametrize(
    ("shape", "noise"),
    [
        pytest.param(lambda at: 10 * at, 0.0, id="slow"),
        pytest.param(lambda at: 15 * at, 3.0, id="noisy"),
        pytest.param(lambda at: 15 * at + saw(at), 0.0, id="below a sawtooth"),
        pytest.param(lambda at: 4.0 * int(at * 5), 0.5, id="in steps"),
        pytest.param(lambda at: 30 * at * at, 0.5, id="that gains speed"),
        pytest.param(lambda at: 15 * at + 20 * (at > 0.4), 1.0, id="beside a cache"),
    ],
)
def test_what_grows_on_is_a_leak(shape: Callable[[float], float], noise: float) -> None:
    """A leak grows in both halves, whatever else the memory does."""
    assert not memory(shape, noise).held


def test_the_warm_up_and_the_rests_are_left_out() -> None:
    """A trend is of what was seen under load, once that was warm."""
    moments = [
        Moment(float(at), Sample(0, 0, {}, at), 0.0, REST if at == 7 else "calm")
        for at in range(10)
    ]
    assert [seen.threads for seen in under_load(moments, 5.0)] == [5, 6, 8, 9]


def test_too_few_samples_are_no_verdict() -> None:
    """A run too short to tell says so instead of passing."""
    verdict = flat("memory", [3, 3], 1)
    assert not verdict.held
    assert "2 samples are too few" in verdict.told


def test_each_kind_of_descriptor_has_to_come_back() -> None:
    """Files closed meanwhile make no room for sockets that are left open."""
    assert back("fd", {"socket": 40, "file": 9}, {"socket": 43, "file": 9}, 5).held
    assert not back("fd", {"socket": 40, "file": 30}, {"socket": 60, "file": 9}, 5).held
    assert not back("fd", {}, {"pipe": 6}, 5).held


def test_one_late_arrival_is_too_many() -> None:
    """The bound is a contract: it holds for the slowest. Where nothing arrived, it does not."""
    assert within("stale", [0.1, 29.9], 30).held
    assert not within("stale", [0.1, 30.1], 30).held
    assert not within("stale", [], 30).held


def test_what_was_found_is_named() -> None:
    """A verdict that something is there says what, and how often."""
    assert nothing("bugs", []).held
    found = nothing("bugs", [f"bug {number}" for number in range(9)])
    assert not found.held
    assert "9: bug 0; bug 1" in found.line()


def test_a_flood_may_leave_a_hundred_lines_a_cause() -> None:
    """The number of lines has a bound that the number of events does not move."""
    assert few("log", 100, 10_000, 100).held
    assert not few("log", 101, 10_000, 100).held


def test_percentiles_are_by_nearest_rank() -> None:
    """Each figure is one that was measured."""
    told = percentiles(list(accumulate([1.0] * 200)))
    assert told == "200 measured: p50 100.00, p95 190.00, p99 198.00, longest 200.00"


@pytest.fixture
def plot() -> Plot:
    """Return a vault with one secret that is in its Secret, beside a key of others."""
    cluster = Cluster()
    cluster.create_namespace("shop-dev")
    vault = KeyVaults().create("weu-DS-AKV-shop-dev-1", "s")
    plot = Plot(vault=vault, cluster=cluster, namespace="shop-dev", foreign={"note": b"theirs"})
    plot.new_version("plain-01", calm=True)
    wanted = vault.get_secret("plain-01").value.encode()
    cluster.put_secret("shop-dev", "keyvault-project", {"plain-01": wanted, "note": b"theirs"})
    return plot


def test_a_secret_that_has_arrived_is_told_once(plot: Plot) -> None:
    """A change is out of step until its keys are there; ill times in between are remembered."""
    (first,) = plot.arrivals(calm=True)
    assert (first.means, first.calm) == (EVENT, True)
    assert plot.arrivals(calm=True) == []
    plot.new_version("plain-01", calm=True)
    assert plot.arrivals(calm=False) == []
    assert plot.oldest() > 0
    wanted = plot.vault.get_secret("plain-01").value.encode()
    plot.cluster.patch_data("shop-dev", "keyvault-project", {"plain-01": wanted})
    (second,) = plot.arrivals(calm=True)
    assert not second.calm


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({}, []),
        ({"plain-01": b"older"}, ["plain-01"]),
        ({"plain-01": None}, ["plain-01"]),
        ({"note": None}, ["note"]),
        ({"plain-02": b"of a secret that is deleted"}, ["plain-02"]),
    ],
)
def test_a_key_that_is_not_as_it_should_be_is_named(
    plot: Plot, data: dict[str, bytes | None], named: list[str]
) -> None:
    """Stale, missing and left over keys are differences, and so is a key of others that is gone."""
    plot.cluster.patch_data("shop-dev", "keyvault-project", data)
    assert plot.differences() == [f"shop-dev/keyvault-project {key}" for key in named]


@pytest.mark.parametrize("name", values.NAMES)
def test_a_value_of_each_shape_is_found_when_it_is_told(name: str) -> None:
    """Whatever is planted is seen in a text, by itself and in base64 at any offset."""
    planted = values.value(name)
    assert values.leaks(f"a log line with {planted} in it")
    if name != values.SITE:
        for before in ("", "x", "xx"):
            assert values.leaks(base64.b64encode(f"{before}{planted}".encode()).decode())
    assert not values.leaks("a log line without")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a host's log, with nothing in it yet."""
    path = tmp_path / "host.log"
    path.touch()
    return path


def test_the_log_is_read_as_it_grows(log: Path) -> None:
    """Reasons are counted once each, a line that is half written when it is whole."""
    told = Log(log)
    line = "2026-01-01 00:00:00,000 WARNING [f i] keyvault-sync: event: v: VaultThrottled: Slow.\n"
    log.write_text(line + line[:50])
    told.read()
    assert told.reasons == {"VaultThrottled": 1}
    log.write_text(line + line)
    told.read()
    told.read()
    assert told.reasons == {"VaultThrottled": 2}


def test_bugs_and_values_are_found(log: Path) -> None:
    """Bugs are seen by their outcome and by their traceback, values wherever they stand."""
    told = Log(log)
    head = "2026-01-01 00:00:00,000 ERROR [f i] keyvault-sync: event: v"
    log.write_text(
        f"{head}: Bug: KeyError at plan.py:1.\n"
        "Traceback (most recent call last):\n  plnt3dvalue2 is not known\nKeyError: 'x'\n"
        "Traceback (most recent call last):\n"
        f"{SyncError.__module__}.SyncError: event: 1 failed: Slow.\n"
    )
    told.read()
    assert len(told.bugs) == 2
    assert len(told.leaks) == 1
