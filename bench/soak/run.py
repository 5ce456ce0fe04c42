"""One run of the soak: the app, the load and faults, and the samples."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.soak.faults import Trouble, port_of
from bench.soak.samples import Log, Sample, look
from bench.soak.workload import Load
from local.stack import Stack

END_SECONDS = 30.0
"""The time reserved for the end: redelivered events and the last pass."""

REST = "rest"
FROM_CALLERS, TO_VAULTS, TO_CLUSTER = "from callers", "to vaults", "to the cluster"
MEBI = 1 << 20

_SAMPLE_SECONDS = 1.0
_LINE_SECONDS = 30.0
_GAP_SECONDS = 1.5
_GRACE_SECONDS, _CALM_SECONDS = 8.0, 20.0
_SETTLE_SECONDS = 300.0  # an event that has failed eight times may pause for 216 s
_QUIET_SECONDS = 5.0
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """The samples at one time; `oldest` is how long something has been out of step."""

    at: float
    seen: Sample
    oldest: float
    phase: str


@dataclass(slots=True)
class Run:
    """A run of so many seconds; `idle` are samples of the idle app, in order."""

    stack: Stack
    load: Load
    log: Log
    trouble: Trouble
    seconds: float
    began: float = field(default_factory=time.monotonic)
    warm_up: float = 0.0
    phase: str = ""
    moments: list[Moment] = field(default_factory=list)
    idle: list[Sample] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def soak(self) -> None:
        """Run until the time is over; the warm-up is a quarter, and at least one rotation."""
        with self._sampling():
            with self.load.started():
                self.load.go()
                while self._left() > 0:
                    self._rotate()
                    if not self.idle and self.now >= self.seconds / 4:
                        with self.trouble.of(self.trouble.slow):
                            self.load.crowd()
                        self.load.rest()
                        self._settle()
                        self.warm_up = self.now
                        self.load.go()
            self._settle()

    def _look(self) -> Sample:
        host, environment = self.load.app.host, self.stack.environment
        ports = {
            host.port: FROM_CALLERS,
            port_of(environment["HTTPS_PROXY"]): TO_VAULTS,
            port_of(environment["IDENTITY_ENDPOINT"]): "to the token endpoint",
            self.stack.cluster_port: TO_CLUSTER,
        }
        return look(host.pid, ports)

    def _left(self) -> float:
        return self.seconds - END_SECONDS - self.now

    def _rotate(self) -> None:
        """Cause each fault once, and then keep calm for a while."""
        for name, seconds, bring in self.trouble.rotation():
            if seconds > self._left():
                return
            self.phase = name
            with self.trouble.of(bring):
                self._wait(seconds)
            self.phase = ""
            self._wait(_GAP_SECONDS)
        self.phase = "calm"
        self._wait(_GRACE_SECONDS)
        self.load.calm.set()
        self._wait(_CALM_SECONDS)
        self.load.calm.clear()
        self.phase = ""

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + min(seconds, self._left())
        while (left := until - time.monotonic()) > 0:
            self.load.check()
            time.sleep(min(left, _SAMPLE_SECONDS))

    def _settle(self) -> None:
        """Wait until everything has settled, and sample; raises TimeoutError if it does not."""
        self.phase = REST
        if not self.stack.settle(_SETTLE_SECONDS):
            raise TimeoutError("events are still under way, though no fault is left")
        time.sleep(_QUIET_SECONDS)
        self.idle.append(self._look())
        self.phase = ""

    @contextmanager
    def _sampling(self) -> Iterator[None]:
        """Sample every second during the block; raises RuntimeError if the host has died."""
        ended = threading.Event()
        faults: list[OSError] = []

        def watch() -> None:
            while not ended.wait(_SAMPLE_SECONDS):
                try:
                    self._sample()
                except OSError as fault:
                    faults.append(fault)
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if faults:
            raise RuntimeError("the host has gone") from faults[0]

    def _sample(self) -> None:
        oldest = max(plot.oldest() for plot in self.load.plots)
        moment = Moment(self.now, self._look(), oldest, self.phase)
        last = self.moments[-1].at if self.moments else -_LINE_SECONDS
        self.moments.append(moment)
        if moment.at // _LINE_SECONDS > last // _LINE_SECONDS:
            self.log.read()
            print(self._line(moment), flush=True)

    def _line(self, moment: Moment) -> str:
        seen, counts = moment.seen, self.stack.grid.counts()
        writes = self.stack.cluster.requests.count("patch", "secrets")
        failures = ", ".join(f"{n} {count:,}" for n, count in self.log.reasons.most_common(_NAMED))
        return (
            f"{moment.at:6.0f} s  {seen.resident / MEBI:6.1f} MiB "
            f"({seen.anonymous / MEBI:.1f} of no file)  "
            f"{sum(seen.descriptors.values())} descriptors  {seen.threads} threads  "
            f"{counts.accepted:,} events in {counts.attempts:,} deliveries  {writes:,} writes  "
            f"oldest {moment.oldest:.1f} s  {failures}"
        )
