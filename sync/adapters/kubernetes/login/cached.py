"""Keeps what has to be fetched from elsewhere, and fetches it anew when it is due or refused."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import inf

from sync.core.errors import SyncError, Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_SECONDS_BETWEEN_TRIES = 30.0


@dataclass(frozen=True, slots=True)
class CachedValue[T]:
    """What was fetched: to be renewed at a time, of no use from another on; epoch seconds."""

    value: T = field(repr=False)
    renew_at: float = inf
    until: float = inf


type Fetch[T] = Callable[[T | None, Deadline], CachedValue[T]]
"""Given what was refused, None where nothing was; called by one thread at a time."""


class Cached[T]:
    """One thing, shared by any number of threads, of which one at a time fetches it.

    What was refused is fetched anew at once, but not again within `patience` seconds of it.
    """

    def __init__(
        self, fetch: Fetch[T], patience: float, now: Callable[[], float] = time.time
    ) -> None:
        self._fetch = fetch
        self._patience = patience
        self._now = now
        self._lock = threading.Lock()
        self._held: CachedValue[T] | None = None
        self._patient_until = -inf
        self._failure: SyncError | None = None
        self._missed: SyncError | None = None

    @property
    def value(self) -> T | None:
        """What is held by now; nothing is fetched."""
        return self._held.value if self._held else None

    def get(self, deadline: Deadline) -> T:
        """Return it; raises what the fetch raises, unless what is held is still of use."""
        held = self._held
        if held and self._now() < held.renew_at:
            return held.value
        if held and self._now() < held.until:
            return self._renewed(held, deadline)
        missed = self._missed
        with self._turn(deadline):
            if self._held is None or self._held is held:
                if self._missed is not None and self._missed is not missed:
                    raise self._missed.with_traceback(None)  # it failed while we waited
                try:
                    self._held = self._fetch(None, deadline)
                except SyncError as error:
                    self._missed = error
                    raise
            return self._held.value

    def instead_of(self, refused: T, deadline: Deadline) -> T:
        """Return another one than that; within the patience the same, or the failure to get it."""
        with self._turn(deadline):
            held = self._held
            if held and held.value != refused:
                return held.value
            if self._now() < self._patient_until:
                if self._failure:
                    raise self._failure.with_traceback(None)
                return refused
            self._patient_until = self._now() + self._patience
            self._failure = None
            try:
                self._held = self._fetch(refused, deadline)
            except SyncError as error:
                self._failure = error
                raise
            return self._held.value

    def _renewed(self, held: CachedValue[T], deadline: Deadline) -> T:
        """Fetch the next one, unless another thread does; meanwhile what is held will do."""
        if not self._lock.acquire(blocking=False):
            return held.value
        try:
            if self._held is held:
                self._held = self._next(held, deadline)
            return self._held.value if self._held else held.value
        finally:
            self._lock.release()

    def _next(self, held: CachedValue[T], deadline: Deadline) -> CachedValue[T]:
        try:
            return self._fetch(None, deadline)
        except SyncError:
            return replace(held, renew_at=self._now() + _SECONDS_BETWEEN_TRIES)

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise Transient(
                Reason.DEADLINE_EXCEEDED, "No time was left for this vault in this run."
            )
        try:
            yield
        finally:
            self._lock.release()
