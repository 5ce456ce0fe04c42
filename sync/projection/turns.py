"""Lets the threads of a process parse one at a time, so that parsing never starves the others."""

from threading import Event, Lock
from types import TracebackType

_GAP_SECONDS = 0.0002
_NEVER = Event()


class Turns:
    """A fair lock for work that needs the interpreter; `with` it, do a few milliseconds of work.

    Python hands the interpreter to a waiting thread every 5 ms. An event waits for it at each of
    its dozens of reads and writes, behind each thread that computes: 16 of these make it 90 times
    slower. So one thread computes at a time, and after each turn there is a gap in which whoever
    waits for the interpreter gets it. The next turn goes to a thread that waits, not to the one
    that just had it.
    """

    def __init__(self) -> None:
        self._next, self._turn = Lock(), Lock()

    def __enter__(self) -> None:
        """Wait for a turn."""
        with self._next:
            self._turn.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the gap, and let the next thread have its turn."""
        try:
            _NEVER.wait(_GAP_SECONDS)
        finally:
            self._turn.release()


PARSING = Turns()
"""Of all that reads values in this process."""
