"""Reconciles targets, and after each of them those that follow from its outcome."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass

from sync.core.outcomes import Failed, Outcome
from sync.core.ports import Deadline
from sync.reconcile.request import ReconcileRequest

type Following = Callable[
    [ReconcileRequest, Outcome, Deadline], Iterable[ReconcileRequest | Failed]
]
"""Returns the works that follow from a work's outcome, or why one cannot be done."""

type _Chain = tuple[Outcome, list[Future[Outcome]]]
"""A work's outcome, and those of the works that follow from it."""


def nothing_follows(
    _work: ReconcileRequest, _outcome: Outcome, _deadline: Deadline
) -> Iterable[ReconcileRequest | Failed]:
    """Let nothing follow."""
    return ()


@dataclass(frozen=True, slots=True)
class Chains:
    """Runs works with those that follow; neither of the two functions may raise."""

    reconcile: Callable[[ReconcileRequest], Outcome]
    following: Callable[[ReconcileRequest, Outcome], Iterable[ReconcileRequest | Failed]]

    def here(self, work: ReconcileRequest) -> Iterator[Outcome]:
        """Reconcile one target on this thread, then what follows from it."""
        outcome = self.reconcile(work)
        yield outcome
        yield from map(self._done, self.following(work, outcome))

    def in_order(self, threads: Executor, works: Iterable[ReconcileRequest]) -> Iterator[Outcome]:
        """Reconcile on the threads; outcomes in the order of the works."""
        chains = self._start(threads, works)

        def outcomes() -> Iterator[Outcome]:
            try:
                for chain in chains:
                    yield from _outcomes(chain.result())
            finally:
                for chain in chains:
                    chain.cancel()

        return outcomes()

    def as_they_come(
        self, threads: Executor, works: Iterable[ReconcileRequest]
    ) -> Iterator[Outcome]:
        """Reconcile on the threads; outcomes as they come, those that follow after the others."""
        chains = self._start(threads, works)

        def outcomes() -> Iterator[Outcome]:
            more: list[Future[Outcome]] = []
            for chain in as_completed(chains):
                outcome, followed = chain.result()
                more += followed
                yield outcome
            for done in as_completed(more):
                yield done.result()

        return outcomes()

    def _start(self, threads: Executor, works: Iterable[ReconcileRequest]) -> list[Future[_Chain]]:
        def begin(work: ReconcileRequest) -> _Chain:
            outcome = self.reconcile(work)
            more = self.following(work, outcome)
            return outcome, [threads.submit(self._done, each) for each in more]

        return [threads.submit(begin, work) for work in works]

    def _done(self, work: ReconcileRequest | Failed) -> Outcome:
        return work if isinstance(work, Failed) else self.reconcile(work)


def _outcomes(chain: _Chain) -> Iterator[Outcome]:
    outcome, more = chain
    yield outcome
    for done in more:
        yield done.result()
