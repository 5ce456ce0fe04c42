"""Runs a function's blocking work on a thread, and writes the thread's log lines in the function.

The host drops what is logged outside an invocation, and a thread that the app starts is outside.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sync.app.pending import EVENT_SUBJECT, Pending, failing
from sync.app.use_cases import EVENT, App
from sync.app.work_queue import attempt
from sync.core.errors import SyncError, Transient
from sync.core.outcomes import Failed, Outcome
from sync.core.reasons import Reason

type Line = Callable[[], None]
"""Writes to the log."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a function does on a thread, after it `waited` so many seconds for one."""

    waited: float
    log: Callable[[Line], None]
    """Has the function write to the log, in the order of the calls."""


async def on_thread[Done](threads: Executor, act: Callable[[Work], Done], patience: float) -> Done:
    """Call `act` on one of the threads; raises only SyncError, without traceback and cause.

    The host logs an exception with all that it has. Transient if no thread is free within
    `patience` seconds.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[Line | None] = asyncio.Queue()
    arrived = time.monotonic()

    def log(line: Line | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def run() -> Done | SyncError:
        log(_begun)
        try:
            return attempt(lambda: act(Work(time.monotonic() - arrived, log)))
        finally:
            log(None)

    try:
        running = threads.submit(run)
    except RuntimeError:  # the system has no thread left
        raise _busy() from None
    try:
        await asyncio.wait_for(lines.get(), patience)
    except TimeoutError:
        if running.cancel():
            raise _busy() from None
    while (line := await lines.get()) is not None:
        line()
    done = await asyncio.wrap_future(running)
    if isinstance(done, SyncError):
        raise bare(done)
    return done


async def begun(app: App, event: str, threads: Executor, patience: float) -> Sequence[Pending]:
    """Begin what an event asks for; on a thread where that may wait for a list of applications.

    Never raises: what it fails with is an outcome.
    """
    try:
        if app.applications is not None:
            return await on_thread(threads, lambda _: app.event(event), patience)
        pending = attempt(lambda: app.event(event))
    except SyncError as error:
        pending = error
    return [failing(pending)] if isinstance(pending, SyncError) else pending


async def settled(pending: Pending) -> Outcome:
    """Wait for a target's outcome for as long as an event may take."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(pending.outcome), EVENT.total)
    except TimeoutError:
        target = pending.target
        late = Transient(Reason.DEADLINE_EXCEEDED, "The reconcile took too long.")
        return Failed(target.vault.text if target else EVENT_SUBJECT, late, target)


def bare(error: SyncError) -> SyncError:
    """Return the error without traceback and cause, each of which the host would log as well."""
    error.__cause__ = None
    error.__suppress_context__ = True
    return error.with_traceback(None)


def _begun() -> None:
    """Write nothing: the thread has begun."""


def _busy() -> Transient:
    return Transient(
        Reason.DEADLINE_EXCEEDED,
        "The app is busy with other requests, and no thread became free in time: ask again.",
    )
