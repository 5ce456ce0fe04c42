"""Runs the benchmarks and prints them: `python -m bench`."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import burst, fresh_process, layers, quiet_pass, single_event
from bench.rig import BURST, EVENT, QUIET, Rig, rig
from bench.timing import COUNT_HEADINGS, HEADINGS, Count, Ratio, Times, table
from tests.kit.site import target_of

_EVENT_KEYS, _QUIET_KEYS, _BURST_KEYS, _SMALL_BURST = 10, 100, 500, 100
_EVENTS, _SLOW_EVENTS, _LAYERS, _PASSES, _COUNTED, _BURSTS, _STARTS = 300, 60, 150, 50, 3, 3, 9
_SERVER_SECONDS = 0.01
_FEW_CONNECTIONS, _MANY_CONNECTIONS = 64, 200  # the latter is host.json's maxConcurrentRequests
_LONG_AGO_SECONDS = 3600


def main() -> int:
    """Print the tables; return 1 if calls were missing or superfluous, regardless of times."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder)) as running:
        quiet = _quiet(running)
        _event(running)
        right = _burst(running)
        _start(running)
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if quiet and right else 1


def _quiet(running: Rig) -> bool:
    vault, _ = running.fill(QUIET, _QUIET_KEYS, _LONG_AGO_SECONDS)
    requests = running.stack.cluster.requests
    counted: list[tuple[int, int, int, int]] = []
    for _ in range(_COUNTED):
        vault.reset_requests()
        requests.reset()
        running.host.fire("reconcile_drift")
        asked = vault.requests()
        reads = requests.count("get", "secrets")
        others = requests.count() - reads + asked.total() - asked["list"] - asked["get"]
        counted.append((asked["list"], asked["get"], reads, others))
    lists, gets, reads_each, others_each = zip(*counted, strict=True)
    counts = [
        Count("vault lists", lists, 4, 4),
        Count("vault gets", gets, 0, 0),
        Count("Secret reads", reads_each, 1, 1),
        Count("writes, or anything else", others_each, 0, 0),
    ]
    times = running.run(quiet_pass.measure, running.access, QUIET, _PASSES)
    _print(
        f"A pass over a quiet vault of {_QUIET_KEYS} secrets ({_PASSES} times)",
        [Ratio("timer's pass : the same 5 calls", times.passed, times.floor)],
        counts,
    )
    return all(count.held for count in counts)


def _event(running: Rig) -> None:
    vault, _ = running.fill(EVENT, _EVENT_KEYS)
    times = running.run(single_event.measure, running.access, EVENT, _EVENTS)
    _print(
        f"One event for a vault of {_EVENT_KEYS} secrets ({_EVENTS} times); floor: vault get, "
        "Secret get, apply",
        [
            Ratio("POST until Secret readable", times.posted, times.floor, 1.5),
            Ratio("same, floor by the app's proxy", times.posted, times.floor_by_proxy),
            Ratio("an empty function, for scale", times.empty_function, times.floor),
        ],
    )
    calls = running.run(layers.measure, running.access, EVENT, _LAYERS)
    _print(
        f"What the app adds to each bare call ({_LAYERS} times)",
        [Ratio(layer.name, layer.called, layer.bare) for layer in calls],
    )
    for faults in (vault.faults, running.stack.cluster.faults):
        faults.delay(_SERVER_SECONDS, None)
    times = running.run(single_event.measure, running.access, EVENT, _SLOW_EVENTS)
    for faults in (vault.faults, running.stack.cluster.faults):
        faults.clear()
    _print(
        f"One event, servers that take {_SERVER_SECONDS * 1000:.0f} ms to answer "
        f"({_SLOW_EVENTS} times)",
        [Ratio("POST until Secret readable", times.posted, times.floor)],
    )


def _burst(running: Rig) -> bool:
    _, names = running.fill(BURST, _BURST_KEYS)
    held = [
        _bursts(running, names[:count], connections)
        for count, connections in (
            (_SMALL_BURST, _FEW_CONNECTIONS),
            (_BURST_KEYS, _FEW_CONNECTIONS),
            (_BURST_KEYS, _MANY_CONNECTIONS),
        )
    ]
    return all(held)


def _bursts(running: Rig, names: Sequence[str], connections: int) -> bool:
    vault = running.stack.vaults[BURST]
    requests = running.stack.cluster.requests
    taken: list[tuple[float, float]] = []
    counted: list[tuple[int, int, int]] = []
    for _ in range(_BURSTS):
        turn = str(time.time_ns())
        running.published.clear()
        for name in names:
            vault.set_secret(name, name + turn)
        vault.reset_requests()
        requests.reset()
        events = tuple(running.published)
        took = running.run(burst.deliver, running.access, events, connections)
        data = running.stack.cluster.data(*target_of(BURST))
        behind = sum(data[name] != f"{name}{turn}".encode() for name in names)
        counted.append((requests.count("patch", "secrets"), vault.requests()["get"], behind))
        taken.append((took, running.run(burst.floor, running.access, BURST, names, connections)))
    bursts, floors = zip(*taken, strict=True)
    writes, gets, behinds = zip(*counted, strict=True)
    right = [
        Count("vault gets", gets, len(names), len(names) * 11 // 10),
        Count("keys without their new value", behinds, 0, 0),
    ]
    _print(
        f"{len(names)} new versions in one vault, their events on {connections} connections "
        f"({_BURSTS} times)",
        [Ratio(f"all acknowledged : {len(names)} gets, 1 apply", Times(bursts), Times(floors))],
        [Count("Secret writes", writes, 0, 15), *right],
    )
    return all(count.held for count in right)


def _start(running: Rig) -> None:
    vault = running.stack.vaults[EVENT]

    def next_event() -> object:
        vault.set_secret(single_event.KEY, str(time.time_ns()))
        return running.published[-1]

    times = fresh_process.measure(running.stack.app_environment(), next_event, _STARTS)
    _print(
        f"A fresh process ({_STARTS} times); floor: the app's three SDKs imported alone",
        [
            Ratio("app indexed", times.indexed, times.imported),
            Ratio("first event served", times.invoked, times.imported),
        ],
    )


def _print(title: str, ratios: Sequence[Ratio], counts: Sequence[Count] = ()) -> None:
    print(title)
    print(table(HEADINGS, (ratio.row() for ratio in ratios)))
    if counts:
        print(table(COUNT_HEADINGS, (count.row() for count in counts)))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
