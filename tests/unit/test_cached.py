"""What is fetched once and shared: when it is fetched anew, by whom, and what a failure does."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from sync.adapters.wire.bearer import Token
from sync.adapters.wire.cached import Cached
from sync.core.errors import Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from tests.kit.scripted import soon

OUTAGE = Transient(Reason.CREDENTIAL_UNAVAILABLE, "It is down.")


@dataclass(slots=True)
class Source:
    """Gives 1, 2, 3 …, each due after 8 seconds and of no use after 10, unless it is down."""

    now: float = 100.0
    down: bool = False
    calls: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    @property
    def fetches(self) -> int:
        """Count them."""
        return self.calls.count("fetch")

    def fetch(self, _deadline: Deadline) -> Token:
        """Give the next number."""
        self.calls.append("fetch")
        self.meanwhile()
        if self.down:
            raise OUTAGE
        return Token(str(self.fetches), self.now + 8, self.now + 10)

    def reset(self) -> None:
        """Note it."""
        self.calls.append("reset")

    def cached(self) -> Cached[Token]:
        """Share what is fetched here, patient for 5 seconds."""
        return Cached(self.fetch, 5, self.reset, lambda: self.now)


def number(of: int) -> Token:
    """Return the token of that number."""
    return Token(str(of), 0, 0)


def test_it_is_fetched_when_due() -> None:
    """One fetch serves everybody until it is time to renew, and that is before it expires."""
    source = Source()
    cached = source.cached()
    assert cached.value is None
    assert [cached.get(soon()), cached.get(soon())] == [number(1)] * 2
    source.now += 8
    assert [cached.get(soon()), cached.get(soon()), cached.value] == [number(2)] * 3


def test_an_outage_is_no_failure_while_it_lasts() -> None:
    """What cannot be renewed is used until it expires, asked for now and then, and then raised."""
    source = Source()
    cached = source.cached()
    cached.get(soon())
    source.now, source.down = source.now + 9, True
    assert [cached.get(soon()), cached.get(soon())] == [number(1)] * 2
    assert source.fetches == 2
    source.now += 100
    with pytest.raises(Transient, match="down"):
        cached.get(soon())
    source.down = False
    assert cached.get(soon()) == number(4)


def test_what_is_refused_is_fetched_once() -> None:
    """The first to be refused fetches, the others follow; after that there is a pause."""
    source = Source()
    cached = source.cached()
    first = cached.get(soon())
    assert [cached.replace(first, soon()), cached.replace(first, soon())] == [number(2)] * 2
    assert cached.replace(number(2), soon()) == number(2)
    source.now += 5
    assert cached.replace(number(2), soon()) == number(3)
    assert source.calls == ["fetch", "reset", "fetch", "reset", "fetch"]


def test_who_waits_for_a_fetch_that_fails_is_told_so() -> None:
    """One outage is waited for once: those behind it do not try again, one after the other."""
    entered, gate, looked = threading.Event(), threading.Event(), threading.Semaphore(0)
    fetches: list[int] = []

    def fetch(_deadline: Deadline) -> Token:
        fetches.append(1)
        entered.set()
        assert gate.wait(20)
        raise Transient(Reason.CREDENTIAL_UNAVAILABLE, "down")

    cached = Cached(fetch, patience=5)

    def clock() -> float:
        looked.release()  # whoever looks at the time is about to wait
        return 0.0

    def get() -> str:
        with pytest.raises(Transient) as caught:
            cached.get(Deadline(20, clock))
        return caught.value.reason

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(get)
        assert entered.wait(20)
        others = [threads.submit(get) for _ in range(3)]
        for _ in (first, *others):
            assert looked.acquire(timeout=20)
        gate.set()
        assert {each.result() for each in (first, *others)} == {"CredentialUnavailable"}
    assert len(fetches) == 1


def test_a_failed_fetch_is_told_again() -> None:
    """Where a refusal's fetch fails, others are told so, and after a pause it is tried again."""
    source = Source()
    cached = source.cached()
    cached.get(soon())
    source.down = True
    for _ in range(2):
        with pytest.raises(Transient, match="down"):
            cached.replace(number(1), soon())
    assert source.calls == ["fetch", "reset", "fetch"]
    source.down = False
    source.now += 5
    assert cached.replace(number(1), soon()) == number(3)


def test_threads_wait_for_the_first_and_not_for_the_next() -> None:
    """Many threads make one fetch; while a renewal is under way they use what there is."""
    source = Source()
    cached = source.cached()
    begun, go = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait(10)

    with ThreadPoolExecutor(8) as threads:
        source.meanwhile = block
        first = [threads.submit(cached.get, soon()) for _ in range(8)]
        assert begun.wait(10)
        go.set()
        assert {future.result() for future in first} == {number(1)}
        source.now += 9
        begun.clear()
        go.clear()
        renewal = threads.submit(cached.get, soon())
        assert begun.wait(10)
        assert cached.get(soon()) == number(1)
        go.set()
        assert renewal.result() == number(2)
    assert source.fetches == 2


def test_nobody_waits_past_the_deadline() -> None:
    """A fetch that hangs fails the others when their own time is up."""
    source = Source()
    cached = source.cached()
    begun, go = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait(10)

    source.meanwhile = block
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(cached.get, soon())
        assert begun.wait(10)
        with pytest.raises(Transient, match="No time"):
            cached.get(soon(0.01))
        go.set()
        assert hanging.result() == number(1)
