"""Reconciles many targets at once: joins bursts, bounds passes, keeps a failure to its target."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePath
from threading import Lock
from typing import Protocol

from sync.core.errors import SyncError, Transient, Unexpected
from sync.core.model import Converged, Failed, Hint, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.reconcile.request import ReconcileRequest, ReconcileResult, first_cause

_GRACE_SECONDS = 3.0


class Reconcile(Protocol):
    """The protocol for one target, `Reconciler.reconcile`."""

    def __call__(
        self, request: ReconcileRequest, deadline: Deadline, fetchers: Executor, /
    ) -> ReconcileResult:
        """Bring one target in step."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """How much goes on at once in one process.

    `lanes` targets are worked on, of which a pass over many takes `passes` at most, so that events
    never queue behind it; `fetchers` gets are under way for all of them, and `readers` Secrets are
    read for a status.
    """

    lanes: int = 24
    passes: int = 8
    fetchers: int = 32
    readers: int = 8


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: ReconcileRequest
    seconds: float
    outcome: Future[Outcome]


class WorkQueue:
    """Runs reconciles on threads of its own.

    Work for a target that arrives while one is under way is read with it, if that has not begun to
    write, and else with the next: the reads begin after it arrived, so nobody's change is missed.
    Only work that is equal but for its hints shares a reconcile, and so a lane: an event waits for
    no pass over its vault, and is not refused with one. `fetchers` are the threads for gets, which
    a question may use as well. `grace` is the seconds that a reconcile may take beyond its time
    before a pass goes on without it.
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
        self.fetchers: Executor = ThreadPoolExecutor(threads.fetchers, "fetch")
        self._readers = ThreadPoolExecutor(threads.readers, "read")
        self._lock = Lock()
        self._waiting: dict[ReconcileRequest, list[_Waiting]] = {}

    def submit(self, work: ReconcileRequest, seconds: float) -> Future[Outcome]:
        """Reconcile soon, within that many seconds of starting; the future never raises."""
        waiting = _Waiting(work, seconds, Future())
        lane = replace(work, hints=())
        with self._lock:
            if lane in self._waiting:
                self._waiting[lane].append(waiting)
                return waiting.outcome
            self._waiting[lane] = [waiting]
        try:
            self._lanes.submit(self._drain, lane)
        except RuntimeError as error:  # the system has no thread left for it
            with self._lock:
                given_up = self._waiting.pop(lane, [])
            _give_up(given_up, error)
        return waiting.outcome

    def reconcile_many(
        self, works: Iterable[ReconcileRequest], seconds: float, total_seconds: float
    ) -> Iterator[Outcome]:
        """Reconcile many targets, a few at a time; outcomes come in the order of the works.

        Each has that many seconds; those whose turn has not come within the total are Transient.
        One target alone waits for no pass over others.
        """
        end = Deadline.after(total_seconds, self._clock)

        def reconcile(work: ReconcileRequest) -> Outcome:
            try:
                given = end.remaining(seconds)
            except Transient as late:
                return Failed(work.target.vault.text, late, work.target)
            return self._within(work, given)

        asked = list(works)
        if len(asked) == 1:
            return map(reconcile, asked)
        return self._passes.map(reconcile, asked)

    def _within(self, work: ReconcileRequest, seconds: float) -> Outcome:
        """Reconcile within that time and a grace, whatever holds the reconcile up."""
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
        """Ask a question of each, a few at a time and in order, timed as `reconcile_many`.

        A question that fails is answered with why. One alone waits for no others.
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
            except BaseException as error:  # noqa: BLE001 - whatever ends it, nobody waits for ever
                _give_up([*arrived, *batch], error)

    def _serve(self, lane: ReconcileRequest, batch: list[_Waiting]) -> None:
        if not batch:  # nobody waits any more
            return
        first = len(batch)

        def late() -> Sequence[Hint]:
            with self._lock:
                arrived, self._waiting[lane] = self._waiting.get(lane, []), []
            batch.extend(_still_wanted(arrived))
            return _hints(batch[first:])

        joined = replace(batch[0].work, hints=_hints(batch), late=late)
        deadline = Deadline.after(max(waiting.seconds for waiting in batch), self._clock)
        done = attempt(lambda: self._reconcile(joined, deadline, self.fetchers))
        for waiting in batch:
            waiting.outcome.set_result(_outcome(waiting.work, done))


def _still_wanted(arrived: Iterable[_Waiting]) -> list[_Waiting]:
    return [waiting for waiting in arrived if waiting.outcome.set_running_or_notify_cancel()]


def _hints(batch: Iterable[_Waiting]) -> tuple[Hint, ...]:
    return tuple(dict.fromkeys(hint for waiting in batch for hint in waiting.work.hints))


def _give_up(left: Iterable[_Waiting], error: BaseException) -> None:
    """Fail those who still wait."""
    for waiting in left:
        target = waiting.work.target
        if not waiting.outcome.done():
            with suppress(InvalidStateError):  # it was cancelled just now
                waiting.outcome.set_result(Failed(target.vault.text, _unexpected(error), target))


def attempt[Done](act: Callable[[], Done]) -> Done | SyncError:
    """Do it, or return why not; of a bug that is its type and place, and nothing of its text."""
    try:
        return act()
    except SyncError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the one boundary: a bug's text is not told
        return _unexpected(error)


def _outcome(work: ReconcileRequest, done: ReconcileResult | SyncError) -> Outcome:
    """Tell each of those who share a reconcile what became of their own part of it."""
    vault = work.target.vault.text
    if isinstance(done, SyncError):
        return Failed(vault, done, work.target)
    mine = {hint.secret for hint in work.hints}
    refused = {name: error for name, error in done.refused.items() if work.whole or name in mine}
    if refused:
        written = () if work.dry_run else done.changes
        return Failed(vault, first_cause(refused), work.target, written)
    return Converged(
        work.target, done.changes, done.keys, done.expired, work.dry_run, done.warnings
    )


def _unexpected(error: BaseException) -> Unexpected:
    """Name the type and place of a bug: its text may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{PurePath(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:]))
    return Unexpected(
        Reason.BUG,
        f"{type(error).__name__} at {places}. This is a bug of Key Vault Sync: report it.",
    )
