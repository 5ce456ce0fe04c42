"""Caches a fetched value; fetches it again when it is due or was refused."""

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

from sync.adapters.wire.locks import held
from sync.core.errors import SyncError
from sync.core.ports import Deadline

_SECONDS_BETWEEN_TRIES = 30.0


class Perishable(Protocol):
    """What is fetched again from `renew_at` on, and of use until `expires_at` (epoch seconds)."""

    @property
    def renew_at(self) -> float:
        """When to fetch the next one."""
        ...

    @property
    def expires_at(self) -> float:
        """When it is of no use any more."""
        ...


class Cached[T: Perishable]:
    """A value for any number of threads, of which one at a time fetches it.

    A refused value is fetched again at once, after calling `reset`, but at most every `patience`
    seconds. `now` returns epoch seconds.
    """

    def __init__(
        self,
        fetch: Callable[[Deadline], T],
        patience: float,
        reset: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._patience = patience
        self._reset = reset
        self._now = now
        self._fetching = threading.Lock()
        self._current: tuple[T, float] | None = None
        """The value, and when to fetch the next one."""
        self._patient_until = -inf
        self._failure: SyncError | None = None
        """Why there is no newer value."""

    @property
    def value(self) -> T | None:
        """The cached value, if any; nothing is fetched."""
        return self._current[0] if self._current else None

    def get(self, deadline: Deadline) -> T:
        """Return the cached value, refreshed if due; raise only once it has expired.

        Raises what `fetch` raises, or Transient if another thread fetches for too long.
        """
        current, failure = self._current, self._failure
        if current and self._now() < current[1]:
            return current[0]
        if current and self._now() < current[0].expires_at:
            return self._renewed(current[0], deadline)
        with held(self._fetching, deadline):
            if self._current is not current and self._current is not None:
                return self._current[0]
            if self._failure is not None and self._failure is not failure:
                raise self._failure.with_traceback(None)  # it failed while this thread waited
            return self._fetched(deadline)

    def replace(self, refused: T, deadline: Deadline) -> T:
        """Return a value other than the refused one; raises as `get` does.

        Within `patience` seconds of the last attempt, return the refused value again, or raise that
        attempt's failure again.
        """
        with held(self._fetching, deadline):
            value = self.value
            if value is not None and value != refused:
                return value
            if self._now() < self._patient_until:
                if self._failure:
                    raise self._failure.with_traceback(None)
                return refused
            self._patient_until = self._now() + self._patience
            self._reset()
            return self._fetched(deadline)

    def _fetched(self, deadline: Deadline) -> T:
        try:
            value = self._fetch(deadline)
        except SyncError as error:
            self._failure = error
            raise
        self._current, self._failure = (value, value.renew_at), None
        return value

    def _renewed(self, value: T, deadline: Deadline) -> T:
        """Fetch the next value unless another thread does; return this one if that fails."""
        if not self._fetching.acquire(blocking=False):
            return value
        try:
            if self.value is value:
                self._fetched(deadline)
        except SyncError:
            self._current = value, self._now() + _SECONDS_BETWEEN_TRIES
        finally:
            self._fetching.release()
        return self.value or value
