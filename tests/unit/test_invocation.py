"""A function's work on threads: what it logs, how long it waited, and what it raises."""

import asyncio
import contextvars
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from sync.core.errors import Permanent, SyncError, Transient, Unexpected
from sync.core.reasons import Reason
from sync.invocation import Work, on_thread

SECONDS = 20.0
INVOCATION = contextvars.ContextVar("invocation", default="none")


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """Return a pool of one thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_lines_are_written_in_the_invocation_as_they_come(thread: ThreadPoolExecutor) -> None:
    """A line of the thread is written by the task, in order, while the work goes on."""
    told: list[tuple[int, str, bool]] = []
    first = Event()

    def write(number: int) -> None:
        told.append((number, INVOCATION.get(), asyncio.current_task() is not None))
        first.set()

    def act(work: Work) -> str:
        assert INVOCATION.get() == "none"
        for number in range(3):
            work.log(partial(write, number))
            assert first.wait(SECONDS)
        return "done"

    async def function() -> str:
        INVOCATION.set("mine")
        return await on_thread(thread, act, SECONDS)

    assert asyncio.run(function()) == "done"
    assert told == [(0, "mine", True), (1, "mine", True), (2, "mine", True)]


def test_waiting_for_a_thread_counts(thread: ThreadPoolExecutor) -> None:
    """Who had to wait for a thread knows how long, and a first one did not."""
    held = Event()

    async def two() -> list[float]:
        def act(work: Work) -> float:
            held.wait(SECONDS)
            return work.waited

        both = asyncio.gather(*(on_thread(thread, act, SECONDS) for _ in range(2)))
        await asyncio.sleep(0)  # both have asked for the thread
        await asyncio.sleep(0.2)
        held.set()
        return list(await both)

    first, second = asyncio.run(two())
    assert first < 0.2 <= second


def test_no_thread_in_time_may_pass(thread: ThreadPoolExecutor) -> None:
    """Work that never gets a thread is Transient at the end of its patience, and never runs."""
    ran: list[str] = []
    hanging = Event()

    async def late() -> None:
        try:
            await on_thread(thread, lambda _: ran.append("late"), 0.05)
        finally:
            hanging.set()

    thread.submit(hanging.wait, SECONDS)
    with pytest.raises(Transient, match="no thread became free"):
        asyncio.run(late())
    thread.shutdown(wait=True)
    assert ran == []


@pytest.mark.parametrize("kind", [Permanent, Transient])
def test_an_error_has_neither_cause_nor_traceback(
    thread: ThreadPoolExecutor, kind: type[SyncError]
) -> None:
    """What the host would log of an error is the error alone: no cause, and none of the frames."""

    def act(_: Work) -> None:
        try:
            int("planted")
        except ValueError as cause:
            raise kind(Reason.VAULT_FORBIDDEN, "No.") from cause

    with pytest.raises(kind, match=r"No\.") as raised:
        asyncio.run(on_thread(thread, act, SECONDS))
    told = "".join(traceback.format_exception(raised.value))
    assert "planted" not in told
    assert "in act" not in told


def test_a_bug_is_an_error_without_its_text(thread: ThreadPoolExecutor) -> None:
    """An exception of another kind is Unexpected, and its text is not in it."""

    def act(_: Work) -> None:
        raise KeyError("planted")

    with pytest.raises(Unexpected) as raised:
        asyncio.run(on_thread(thread, act, SECONDS))
    assert "planted" not in "".join(traceback.format_exception(raised.value))
