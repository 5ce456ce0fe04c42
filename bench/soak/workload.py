"""The load: each part runs on a thread until told to pause or to end."""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from urllib3.exceptions import HTTPError

from bench.soak import values
from bench.soak.plots import DICE, Arrival, Plot
from tests.kit.app import App
from tests.kit.events import new_version

_BURST = 40
_CROWD = 80
_LOOK_SECONDS = 0.1
_SECRET = "plain-01"  # noqa: S105 - a name


@dataclass(slots=True)
class Load:
    """The load on one app; `calm` is set if there has been no fault for a while.

    `wrong` are incorrect responses of the app.
    """

    plots: list[Plot]
    app: App
    calm: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    arrived: list[Arrival] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _parts: list[Future[None]] = field(default_factory=list)
    _running: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run during the block; raises what any part of it raised."""
        acts: tuple[tuple[float, Callable[[Plot], None]], ...] = (
            (0.2, self._version),
            (12.0, self._burst),
            (0.7, self._change),
            (1.0, self._call),
            (0.12, self._refused_event),
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
        """Raise the exception of a part, if one has ended."""
        for part in self._parts:
            if part.done():
                part.result()

    def go(self) -> None:
        """Start, or continue."""
        self._running.set()

    def rest(self) -> None:
        """Start nothing more until `go`, except the timer's passes."""
        self._running.clear()

    def crowd(self) -> None:
        """Ask for more at once than the app's pools have threads, so that none grows later."""
        host = self.app.host
        asks: list[tuple[str, Callable[[], object]]] = [
            ("passes", self.app.fire),
            ("calls", lambda: host.post("/api/resync", {"all": True, "refetch": True}).text),
            ("calls", lambda: host.get("/api/status").text),
        ]
        for plot in self.plots:
            vault = plot.vault.name
            whole = {"vault": vault, "refetch": True}
            asks.append(("calls", partial(host.post, "/api/resync", whole)))
        with ThreadPoolExecutor(_CROWD) as threads:
            done = [threads.submit(self._ask, kind, partial(_text, ask)) for kind, ask in asks]
            for number in range(_CROWD - len(asks)):
                plot = self.plots[number % len(self.plots)]
                done.append(threads.submit(self._unknown_vault, plot))
            for each in done:
                each.result()

    def _repeat(self, pause: float, act: Callable[[Plot], None], *, rests: bool = True) -> None:
        """Call `act` about every `pause` seconds, with a random vault."""
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
        plot.new_version(DICE.choice(values.NAMES), calm=self.calm.is_set())
        self.done["new versions"] += 1

    def _burst(self, plot: Plot) -> None:
        for _ in range(_BURST):
            self._version(plot)

    def _change(self, plot: Plot) -> None:
        plot.unheard_of(calm=self.calm.is_set())
        self.done["other changes"] += 1

    def _pass(self, _plot: Plot) -> None:
        self._ask("passes", lambda: str(self.app.fire()))

    def _call(self, plot: Plot) -> None:
        """Send a valid or an invalid HTTP request."""
        path, body = DICE.choice(_calls(plot.vault.name))
        host = self.app.host

        def ask() -> str:
            answer = host.get(path) if body is None else host.post(path, body)
            return f"{answer.headers} {answer.text}"

        self._ask("calls", ask)

    def _refused_event(self, plot: Plot) -> None:
        """Deliver an event that the app acknowledges and does not act on."""

        def deliver() -> str:
            status = self.app.deliver(DICE.choice(_REFUSED)(plot.vault.name, secrets.token_hex(4)))
            # Event Grid keeps an event of an unknown vault that asks for another vault's Secret.
            if status not in {HTTPStatus.ACCEPTED, HTTPStatus.INTERNAL_SERVER_ERROR}:
                self.wrong.append(f"a refused event was answered {status}")
            return ""

        self._ask("refused events", deliver)

    def _unknown_vault(self, plot: Plot) -> None:
        """Deliver an event of a missing vault, whose name or Secret may exist."""
        vault = f"a{secrets.token_hex(2)}-DS-AKV-{plot.namespace}-7"
        event = new_version(vault, _SECRET, secrets.token_hex(4))
        self._ask("unknown vaults", lambda: str(self.app.deliver(event)))

    def _ask(self, kind: str, ask: Callable[[], str]) -> None:
        self.done[kind] += 1
        try:
            told = ask()
        except HTTPError as error:
            self.wrong.append(f"{kind}: no answer, {type(error).__name__}")
            return
        self.wrong += [f"{kind} told a value, after {place!r}" for place in values.leaks(told)]


def _text(ask: Callable[[], object]) -> str:
    """Return what was answered, to be searched for values."""
    return str(ask())


def _calls(vault: str) -> tuple[tuple[str, object], ...]:
    unknown = f"weu-DS-AKV-x{secrets.token_hex(2)}-dev-1"
    return (
        ("/api/resync", {"vault": vault}),
        ("/api/resync", {"vault": vault, "secret": _SECRET, "dry_run": True}),
        ("/api/resync", {"vault": unknown}),
        ("/api/resync", {secrets.token_hex(4): 1}),
        ("/api/resync", b"{"),
        (f"/api/status?vault={vault}", None),
        ("/api/status", None),
        ("/api/health", None),
    )


def _other_subscription(vault: str, word: str) -> object:
    subscription = f"{word}-0000-4000-8000-000000000001"
    topic = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"
    return new_version(vault, _SECRET, word, topic=topic + vault)


_REFUSED: tuple[Callable[[str, str], object], ...] = (
    lambda vault, word: new_version(vault, _SECRET, word, eventType=f"Microsoft.KeyVault.{word}"),
    _other_subscription,
    lambda vault, word: new_version(vault, _SECRET, word, data={"VaultName": f"weu-{word}"}),
    lambda _, word: new_version(f"off-{word}", _SECRET, word),
    # Another vault, in another region, asks for an existing vault's Secret.
    lambda vault, word: new_version(f"a{word[:3]}{vault.removeprefix('weu')}", _SECRET, word),
    lambda vault, word: new_version(vault, f"{word}/{word}", word),
    lambda _, word: {word: word},
)
"""Events that the app refuses, each for another reason; `{}` takes a vault and an unused word."""
