"""What goes on in the estate all the while: each part on a thread, until told to rest or to end."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from urllib3.exceptions import HTTPError

from bench.soak import changes, shapes, strangers
from bench.soak.dice import DICE
from bench.soak.estate import Arrival, Plot
from local.host_process import HostProcess

TIMER_FUNCTION = "reconcile_drift"
_BURST = 40
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Load:
    """The load on one host; `calm` is set where nothing is ill, and has been for a while.

    `wrong` are answers of the app that should not have been.
    """

    plots: list[Plot]
    host: HostProcess
    calm: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    arrived: list[Arrival] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _parts: list[Future[None]] = field(default_factory=list)
    _running: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run it while in the block; raises what any part of it raised."""
        acts: tuple[tuple[float, Callable[[Plot], None]], ...] = (
            (0.2, self._version),
            (12.0, self._burst),
            (0.7, self._change),
            (1.0, self._call),
            (0.12, self._stranger),
            (2.0, self._unknown_vault),
        )
        with ThreadPoolExecutor(len(acts) + 2) as threads:
            try:
                self._parts += [threads.submit(self._repeat, *each) for each in acts]
                self._parts.append(threads.submit(self._repeat, 8.0, self._pass, rests=False))
                self._parts.append(threads.submit(self._watch))
                yield
            finally:
                self._ended.set()
                self._running.set()
        self.check()

    def check(self) -> None:
        """Raise what a part raised, if one has ended."""
        for part in self._parts:
            if part.done():
                part.result()

    def go(self) -> None:
        """Begin, or go on."""
        self._running.set()

    def rest(self) -> None:
        """Begin nothing more until `go`, but for the timer's passes."""
        self._running.clear()

    def _repeat(self, pause: float, act: Callable[[Plot], None], *, rests: bool = True) -> None:
        """Do it every so many seconds, more or less, with any of the vaults."""
        while not self._ended.wait(DICE.uniform(0.5, 1.5) * pause):
            if rests:
                self._running.wait()
            if not self._ended.is_set():
                act(DICE.choice(self.plots))

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            calm = self.calm.is_set()
            for plot in self.plots:
                self.arrived += plot.arrivals(calm=calm)

    def _version(self, plot: Plot) -> None:
        changes.new_version(plot, DICE.choice(shapes.NAMES), calm=self.calm.is_set())
        self.done["new versions"] += 1

    def _burst(self, plot: Plot) -> None:
        for _ in range(_BURST):
            self._version(plot)

    def _change(self, plot: Plot) -> None:
        changes.unheard_of(plot, calm=self.calm.is_set())
        self.done["other changes"] += 1

    def _pass(self, _plot: Plot) -> None:
        self._ask("passes", lambda: str(self.host.fire(TIMER_FUNCTION)))

    def _call(self, plot: Plot) -> None:
        self._ask("calls", lambda: strangers.call(self.host, plot))

    def _stranger(self, plot: Plot) -> None:
        def deliver() -> str:
            status = strangers.refused_event(self.host, plot)
            # Event Grid keeps an event of a vault that is not known and asks for another's Secret.
            if status not in {HTTPStatus.ACCEPTED, HTTPStatus.INTERNAL_SERVER_ERROR}:
                self.wrong.append(f"a refused event was answered {status}")
            return ""

        self._ask("refused events", deliver)

    def _unknown_vault(self, plot: Plot) -> None:
        self._ask("unknown vaults", lambda: str(strangers.unknown_vault(self.host, plot)))

    def _ask(self, kind: str, ask: Callable[[], str]) -> None:
        self.done[kind] += 1
        try:
            told = ask()
        except HTTPError as error:
            self.wrong.append(f"{kind}: no answer, {type(error).__name__}")
            return
        self.wrong += [f"{kind} told a value, after {place!r}" for place in shapes.leaks(told)]
