"""Lets only one thread at a time parse, so that parsing does not slow down the others."""

from threading import Event, Lock

_PAUSE_SECONDS = 0.0002
_NEVER = Event()


class Turns:
    """A fair lock for work in Python: hold it for a few milliseconds of work at a time.

    A thread that computes gives up the interpreter every 5 ms, to one other thread. A thread that
    handles an event needs the interpreter after each of its dozens of reads and writes; behind 16
    threads that compute it takes 90 times as long. So only one thread computes at a time, and each
    turn ends with a pause in which the other threads get the interpreter. The next turn goes to a
    thread that waits, not to the one that had the last turn.
    """

    def __init__(self) -> None:
        self._next, self._turn = Lock(), Lock()

    def __enter__(self) -> None:
        """Wait for a turn."""
        with self._next:
            self._turn.acquire()

    def __exit__(self, *_: object) -> None:
        """Pause, then let the next thread have its turn."""
        try:
            _NEVER.wait(_PAUSE_SECONDS)
        finally:
            self._turn.release()


PARSING = Turns()
"""The turns of all threads of this process that parse values."""
