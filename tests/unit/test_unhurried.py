"""What knows no time limit: who waits for it does."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from sync.adapters.kubernetes.login.call_timeout import CallTimeout

BRIEF = 0.05
LONG = 20.0


@dataclass(slots=True)
class Slow:
    """What hangs until it is let go, and then comes to its own number."""

    numbers: Iterator[int] = field(default_factory=count)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    tries: int = 0

    def __call__(self) -> int:
        """Hang."""
        number = next(self.numbers)
        self.tries += 1
        self.begun.release()
        assert self.go.wait(LONG)
        self.ended.release()
        return number


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Return one that ends with its test."""
    made = Slow()
    yield made
    made.go.set()


@dataclass(slots=True)
class Clock:
    """A clock that is set."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


def test_what_it_comes_to_is_returned() -> None:
    """Each time is another try, once the former one is over."""
    numbers = count()
    unhurried = CallTimeout(lambda: next(numbers))
    assert [unhurried.within(LONG) for _ in range(3)] == [0, 1, 2]


def test_what_it_raises_is_raised() -> None:
    """A failure is no hanging, and the next try is another one."""
    numbers = iter([0])
    unhurried = CallTimeout(lambda: 1 // next(numbers))
    for failure in (ZeroDivisionError, StopIteration):
        with pytest.raises(failure):
            unhurried.within(LONG)


def test_what_came_too_late_is_there_for_the_next(slow: Slow) -> None:
    """Of one that is always slower than who waits, something comes all the same."""
    unhurried = CallTimeout(slow)
    with pytest.raises(TimeoutError):
        unhurried.within(BRIEF)
    slow.go.set()
    slow.ended.acquire()
    assert unhurried.within(LONG) == 0
    assert slow.tries == 1


def test_what_came_long_ago_is_of_no_use(slow: Slow) -> None:
    """A log-in that nobody has taken for a minute may have expired."""
    clock = Clock()
    unhurried = CallTimeout(slow, clock)
    with pytest.raises(TimeoutError):
        unhurried.within(BRIEF)
    slow.go.set()
    slow.ended.acquire()
    clock.now = 61.0
    assert unhurried.within(LONG) == 1


def test_what_hangs_is_given_up_a_few_times(slow: Slow) -> None:
    """Another try is begun a minute later, but no number of them is left hanging."""
    clock = Clock()
    unhurried = CallTimeout(slow, clock)
    for _ in range(10):
        with pytest.raises(TimeoutError):
            unhurried.within(BRIEF)
        clock.now += 40.0
    assert slow.tries == 4
    slow.go.set()
    for _ in range(4):
        slow.ended.acquire()
    assert unhurried.within(LONG) == 4
