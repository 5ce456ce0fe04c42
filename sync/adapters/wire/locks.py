"""Waits for a lock until a deadline and no longer."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sync.core.errors import Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason


@contextmanager
def held(
    lock: Lock, deadline: Deadline, busy: str = "No time was left for this vault in this run."
) -> Iterator[None]:
    """Hold the lock; raises Transient, with `busy` as its message, if it is not free in time."""
    if not lock.acquire(timeout=deadline.remaining()):
        raise Transient(Reason.DEADLINE_EXCEEDED, busy)
    try:
        yield
    finally:
        lock.release()
