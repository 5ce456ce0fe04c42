"""Waits a limited time for what sets itself none: a library's log-in, a program that it runs."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

_ANEW_SECONDS = 60.0
_MOST_HANGING = 4


@dataclass(frozen=True, slots=True)
class _Try[T]:
    began: float
    outcome: Future[T] = field(default_factory=Future)


class CallTimeout[T]:
    """Does one thing on threads of its own; one caller at a time waits for it, as in a `Lease`.

    The next who asks while it is under way waits for the same try. One that hangs is given up after
    a minute, and another begun; where that many hang, nothing is, until one of them ends. None of
    them keeps the process from ending. `now` is monotonic seconds.
    """

    def __init__(self, act: Callable[[], T], now: Callable[[], float] = time.monotonic) -> None:
        self._act = act
        self._now = now
        self._tries: list[_Try[T]] = []
        """Those under way, and one whose outcome came too late for who waited."""

    def within(self, seconds: float) -> T:
        """Return what it comes to; raises what that raises, and TimeoutError after the seconds."""
        try:
            return self._latest().outcome.result(seconds)
        finally:
            self._tries = [each for each in self._tries if not each.outcome.done()]

    def _latest(self) -> _Try[T]:
        """Return the try of the last minute, or another one."""
        of_now = self._now() - _ANEW_SECONDS
        self._tries = [t for t in self._tries if t.began > of_now or not t.outcome.done()]
        if self._tries and (self._tries[-1].began > of_now or len(self._tries) >= _MOST_HANGING):
            return self._tries[-1]
        begun = _Try[T](self._now())
        self._tries.append(begun)
        threading.Thread(target=self._do, args=(begun.outcome,), daemon=True).start()
        return begun

    def _do(self, outcome: Future[T]) -> None:
        try:
            outcome.set_result(self._act())
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            outcome.set_exception(error)
