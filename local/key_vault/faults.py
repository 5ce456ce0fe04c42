"""Faults that tests can inject into a vault's responses."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from local.faults import Fault, Healing, Plans

type Kind = Literal[
    "list",
    "get",
    "versions",
    "set",
    "update",
    "delete",
    "recover",
    "purge",
    "list_deleted",
    "get_deleted",
]
type Part = Literal["challenge", "first_page", "next_page", "current", "version"]
"""A request's part besides its kind: one without a token, or the requested page or version."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as fault plans see it."""

    kind: Kind
    name: str
    part: Part | None = None


@dataclass(slots=True)
class _Window:
    allowed: int
    seconds: float
    ends: float = 0.0
    taken: int = 0


@dataclass(slots=True)
class Faults:
    """The faults planned for one vault; they affect only HTTP requests, except for stale reads.

    Each plan applies to the next `requests` requests (None: all, until `clear`), optionally only of
    one kind and for one secret. If several plans match, the oldest applies first. Only a plan for
    the challenge applies to requests without a token.
    """

    _clock: Callable[[], float]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _plans: Plans[Asked] = field(default_factory=Plans[Asked])
    _window: _Window | None = None
    _lag: float | None = None
    _hidden_until: dict[str, float] = field(default_factory=dict)
    _lagging: frozenset[str] = frozenset()

    def throttle(
        self,
        requests: int | None = 1,
        retry_after: int = 1,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> None:
        """Answer 429 with Retry-After in seconds."""
        self.plan(_throttled(retry_after), requests, kind, name)

    def limit(self, requests: int, seconds: float) -> None:
        """Serve that many requests per window of `seconds`, and answer 429 to the others."""
        with self._lock:
            self._window = _Window(requests, seconds)

    def fail(
        self,
        status: int = 500,
        requests: int | None = 1,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> None:
        """Answer with that status and an error body."""
        self.plan(Fault(status), requests, kind, name)

    def delay(
        self,
        seconds: float,
        requests: int | None = 1,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> None:
        """Delay the response by that many seconds."""
        self.plan(Fault(delay=seconds), requests, kind, name)

    def reset(
        self, requests: int | None = 1, kind: Kind | None = None, name: str | None = None
    ) -> None:
        """Break the connection instead of responding."""
        self.plan(Fault(reset=True), requests, kind, name)

    def plan(
        self,
        fault: Fault,
        requests: int | None = 1,
        kind: Kind | None = None,
        name: str | None = None,
        part: Part | None = None,
    ) -> Healing:
        """Apply any fault; return a function that ends it."""

        def fits(asked: Asked) -> bool:
            return (
                kind in {None, asked.kind}
                and (name is None or name.lower() == asked.name.lower())
                and (part == asked.part or (part is None and asked.part != "challenge"))
            )

        return self._plans.plan(fault, requests, fits)

    def stale_reads(self, seconds: float = math.inf) -> None:
        """Hide each new version from gets for that long, or until `release`.

        Meanwhile a get of the secret returns the previous version, or 404 if there is none.
        Listings show the new version at once.
        """
        with self._lock:
            self._lag = seconds

    def release(self) -> None:
        """End stale reads: every version is visible."""
        with self._lock:
            self._lag = None
            self._hidden_until.clear()

    def clear(self) -> None:
        """Remove every fault."""
        self.release()
        self._plans.clear()
        with self._lock:
            self._window = None

    def take(self, asked: Asked) -> Fault | None:
        """Return the fault for this request, and count it down."""
        if planned := self._plans.take(asked):
            return planned
        with self._lock:
            return None if asked.part == "challenge" else self._beyond_window()

    def made(self, version: str) -> None:
        """Record a new version, so that stale reads can hide it."""
        with self._lock:
            if self._lag is not None:
                self._hidden_until[version] = self._clock() + self._lag

    def hides(self, version: str) -> bool:
        """Whether reads do not return that version yet."""
        with self._lock:
            late = self._hidden_until.get(version, 0.0) > self._clock()
            return late or version in self._lagging

    @contextmanager
    def lagging(self, *versions: str) -> Iterator[None]:
        """During the block, respond as a replica without these versions, in listings too."""
        self._lagging = frozenset(versions)
        try:
            yield
        finally:
            self._lagging = frozenset()

    def lists(self, version: str) -> bool:
        """Whether listings show that version."""
        return version not in self._lagging

    def _beyond_window(self) -> Fault | None:
        window, now = self._window, self._clock()
        if window is None:
            return None
        if now >= window.ends:
            window.ends, window.taken = now + window.seconds, 0
        window.taken += 1
        if window.taken <= window.allowed:
            return None
        return _throttled(max(1, math.ceil(window.ends - now)))


def _throttled(retry_after: int) -> Fault:
    return Fault(429, headers={"Retry-After": str(retry_after)})
