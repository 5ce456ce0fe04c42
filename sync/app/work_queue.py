"""Reconciles many targets at once: merges bursts, limits passes, isolates failures."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    Executor,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePath
from threading import Lock
from typing import Protocol

from sync.app.chains import Chains, Following, nothing_follows
from sync.core.errors import SyncError, Transient, Unexpected
from sync.core.model import Hint
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.reconcile.request import ReconcileRequest, ReconcileResult, first_cause

_GRACE_SECONDS = 3.0


class Reconcile(Protocol):
    """The protocol for one target, `Reconciler.reconcile`."""

    def __call__(
        self, request: ReconcileRequest, deadline: Deadline, fetchers: Executor, /
    ) -> ReconcileResult:
        """Reconcile one target."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """The concurrency limits of one process.

    At most `lanes` targets are reconciled at once. Requests over many targets use at most `passes`
    of them and the timer at most `timer`, so that the timer never queues behind requests, nor an
    event behind either. `fetchers` gets run at once for all of them, and `readers`
    Secrets are read at once for a status.
    """

    lanes: int = 24
    passes: int = 8
    timer: int = 8
    fetchers: int = 32
    readers: int = 8


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: ReconcileRequest
    seconds: float
    outcome: Future[Outcome]


class WorkQueue:
    """Runs reconciles on its own threads.

    Work that arrives for a target during a reconcile joins it if the write has not begun, and
    otherwise the next one: the reads begin after the work arrived, so no change is missed. Only
    work that is equal except for its hints shares a reconcile, and so a lane: an event does not
    wait for a pass over its vault, and does not fail with it. `fetchers` are the threads for gets;
    questions may use them too. `grace` is how many seconds a reconcile may exceed its time before a
    pass goes on without it.
    """

    def __init__(
        self,
        reconcile: Reconcile,
        clock: Callable[[], float],
        threads: Threads = Threads(),
        grace: float = _GRACE_SECONDS,
    ) -> None:
        self._reconcile = reconcile
        self._grace = grace
        self._clock = clock
        self._lanes = ThreadPoolExecutor(threads.lanes, "lane")
        self._passes = ThreadPoolExecutor(threads.passes, "pass")
        self._timer = ThreadPoolExecutor(threads.timer, "timer")
        self.fetchers: Executor = ThreadPoolExecutor(threads.fetchers, "fetch")
        self._readers = ThreadPoolExecutor(threads.readers, "read")
        self._lock = Lock()
        self._waiting: dict[ReconcileRequest, list[_Waiting]] = {}

    def submit(self, work: ReconcileRequest, seconds: float) -> Future[Outcome]:
        """Reconcile within `seconds` of the start; the future never raises."""
        waiting = _Waiting(work, seconds, Future())
        lane = replace(work, hints=())
        with self._lock:
            if lane in self._waiting:
                self._waiting[lane].append(waiting)
                return waiting.outcome
            self._waiting[lane] = [waiting]
        try:
            self._lanes.submit(self._drain, lane)
        except RuntimeError as error:  # the system has no thread left
            with self._lock:
                given_up = self._waiting.pop(lane, [])
            _give_up(given_up, error)
        return waiting.outcome

    def reconcile_many(
        self,
        works: Iterable[ReconcileRequest],
        seconds: float,
        total_seconds: float,
        following: Following = nothing_follows,
    ) -> Iterator[Outcome]:
        """Reconcile many targets, a few at a time; outcomes come in the order of the works.

        Each has `seconds`; those not started within the total are Transient. A single target does
        not wait for passes over others. After each outcome come those of the works that follow.
        """
        chains = self._chains(seconds, total_seconds, following)
        asked = list(works)
        return chains.here(asked[0]) if len(asked) == 1 else chains.in_order(self._passes, asked)

    def reconcile_by_timer(
        self,
        works: Iterable[ReconcileRequest],
        seconds: float,
        total_seconds: float,
        following: Following = nothing_follows,
    ) -> Iterator[Outcome]:
        """Reconcile as `reconcile_many`, on the timer's own threads; outcomes as they come."""
        return self._chains(seconds, total_seconds, following).as_they_come(self._timer, works)

    def _chains(self, seconds: float, total_seconds: float, following: Following) -> Chains:
        """Return how to reconcile in so many seconds, or what is then left of the total."""
        end = Deadline.after(total_seconds, self._clock)

        def reconcile(work: ReconcileRequest) -> Outcome:
            try:
                given = end.remaining(seconds)
            except Transient as late:
                return Failed(work.target.vault.text, late, work.target)
            return self._within(work, given)

        def followed(work: ReconcileRequest, outcome: Outcome) -> list[ReconcileRequest | Failed]:
            found = attempt(lambda: list(following(work, outcome, end)))
            if isinstance(found, SyncError):
                return [Failed(work.target.vault.text, found, work.target)]
            return found

        return Chains(reconcile, followed)

    def _within(self, work: ReconcileRequest, seconds: float) -> Outcome:
        """Reconcile within that time and a grace, even if the reconcile hangs."""
        pending = self.submit(work, seconds)
        try:
            return pending.result(seconds + self._grace)
        except TimeoutError:
            pending.cancel()
            late = Transient(Reason.DEADLINE_EXCEEDED, "The reconcile of this vault took too long.")
            return Failed(work.target.vault.text, late, work.target)

    def ask[Asked, Told](
        self,
        asked: Iterable[Asked],
        tell: Callable[[Asked, Deadline], Told],
        seconds: float,
        total_seconds: float,
    ) -> Iterator[Told | SyncError]:
        """Ask a question about each, a few at a time and in order, timed as `reconcile_many`.

        A failed question yields its error. A single question does not wait for others.
        """
        end = Deadline.after(total_seconds, self._clock)

        def answer(each: Asked) -> Told | SyncError:
            return attempt(lambda: tell(each, Deadline.after(end.remaining(seconds), self._clock)))

        questions = list(asked)
        return (
            map(answer, questions) if len(questions) == 1 else self._readers.map(answer, questions)
        )

    def _drain(self, lane: ReconcileRequest) -> None:
        while True:
            with self._lock:
                arrived = self._waiting.get(lane)
                if not arrived:
                    self._waiting.pop(lane, None)
                    return
                self._waiting[lane] = []
            batch: list[_Waiting] = []
            try:
                batch += _still_wanted(arrived)
                self._serve(lane, batch)
            except BaseException as error:  # noqa: BLE001 - whatever ends it, nobody waits forever
                _give_up([*arrived, *batch], error)

    def _serve(self, lane: ReconcileRequest, batch: list[_Waiting]) -> None:
        if not batch:  # nobody is waiting any more
            return
        first = len(batch)

        def late() -> Sequence[Hint]:
            with self._lock:
                arrived, self._waiting[lane] = self._waiting.get(lane, []), []
            batch.extend(_still_wanted(arrived))
            return _hints(batch[first:])

        listings = {id(waiting.work.listing): waiting.work.listing for waiting in batch}
        # Another request's listing may be older than this request.
        listing = batch[0].work.listing if len(listings) == 1 else None
        joined = replace(batch[0].work, hints=_hints(batch), late=late, listing=listing)
        deadline = Deadline.after(max(waiting.seconds for waiting in batch), self._clock)
        done = attempt(lambda: self._reconcile(joined, deadline, self.fetchers))
        for waiting in batch:
            waiting.outcome.set_result(_outcome(waiting.work, done))


def _still_wanted(arrived: Iterable[_Waiting]) -> list[_Waiting]:
    return [waiting for waiting in arrived if waiting.outcome.set_running_or_notify_cancel()]


def _hints(batch: Iterable[_Waiting]) -> tuple[Hint, ...]:
    return tuple(dict.fromkeys(hint for waiting in batch for hint in waiting.work.hints))


def _give_up(left: Iterable[_Waiting], error: BaseException) -> None:
    """Fail those that are still waiting."""
    for waiting in left:
        target = waiting.work.target
        if not waiting.outcome.done():
            with suppress(InvalidStateError):  # it was cancelled just now
                waiting.outcome.set_result(Failed(target.vault.text, _unexpected(error), target))


def attempt[Done](act: Callable[[], Done]) -> Done | SyncError:
    """Call it, or return its error; for a bug only its type and place, and none of its text."""
    try:
        return act()
    except SyncError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the one boundary: a bug's text is not shown
        return _unexpected(error)


def _outcome(work: ReconcileRequest, done: ReconcileResult | SyncError) -> Outcome:
    """Return to each request that shared a reconcile the outcome of its own part."""
    vault = work.target.vault.text
    if isinstance(done, SyncError):
        return Failed(vault, done, work.target)
    mine = {hint.secret for hint in work.hints}
    refused = {name: error for name, error in done.refused.items() if work.whole or name in mine}
    left_out = tuple(each for each in done.left_out if work.whole or each.secret in mine)
    if refused:
        written = () if work.dry_run else done.changes
        error, told = first_cause(refused), (done.warnings, left_out, done.secrets)
        return Failed(vault, error, work.target, written, refused, *told, done.applications)
    return Converged(
        work.target,
        done.changes,
        done.keys,
        done.expired,
        work.dry_run,
        done.warnings,
        left_out,
        done.secrets,
        done.applications,
    )


def _unexpected(error: BaseException) -> Unexpected:
    """Name the type and place of a bug: its text may contain a value."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{PurePath(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:]))
    return Unexpected(
        Reason.BUG,
        f"{type(error).__name__} at {places}. This is a bug of Key Vault Sync: report it.",
    )
