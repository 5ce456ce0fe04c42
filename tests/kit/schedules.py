"""Runs tasks in every order that their remote calls can take, one step at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread, current_thread

STUCK_SECONDS = 20


@dataclass(slots=True)
class Choices:
    """One path through a tree of choices: the given ones first, then always the first option."""

    given: Sequence[int]
    made: list[tuple[int, int]] = field(default_factory=list)

    def choose(self, options: int) -> int:
        """Return which option is taken here."""
        place = len(self.made)
        choice = self.given[place] if place < len(self.given) else 0
        self.made.append((choice, options))
        return choice

    def following(self) -> Sequence[int] | None:
        """Return the next path, None when this was the last."""
        for place in reversed(range(len(self.made))):
            choice, options = self.made[place]
            if choice + 1 < options:
                return [*(taken for taken, _ in self.made[:place]), choice + 1]
        return None


def _closed() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Task:
    go: Lock = field(default_factory=_closed)
    paused: Lock = field(default_factory=_closed)
    done: bool = False
    raised: Exception | None = None


class Schedule:
    """Runs tasks on threads of which one is awake; each starts by running to its first gate.

    With `preemptions`, no more often than that another task goes on although the last one could.
    """

    def __init__(self, choices: Choices, preemptions: int | None = None) -> None:
        self._choices = choices
        self._preemptions = preemptions
        self._tasks: dict[str, _Task] = {}

    def gate(self, _call: object = None) -> None:
        """Pause the task that calls this; a call from outside of the tasks passes."""
        if task := self._tasks.get(current_thread().name):
            task.paused.release()
            assert task.go.acquire(timeout=STUCK_SECONDS)

    def run(self, works: Sequence[Callable[[], object]]) -> list[Exception | None]:
        """Run all to their ends; return what each raised."""
        threads = [
            Thread(target=self._run, args=(work,), name=f"task {number}", daemon=True)
            for number, work in enumerate(works)
        ]
        self._tasks = {thread.name: _Task() for thread in threads}
        tasks = list(self._tasks.values())
        for thread, task in zip(threads, tasks, strict=True):
            thread.start()
            assert task.paused.acquire(timeout=STUCK_SECONDS)
        last: _Task | None = None
        while awake := [task for task in tasks if not task.done]:
            last = self._next(awake, last)
            last.go.release()
            assert last.paused.acquire(timeout=STUCK_SECONDS)
        for thread in threads:
            thread.join(STUCK_SECONDS)
        return [task.raised for task in tasks]

    def _next(self, awake: Sequence[_Task], last: _Task | None) -> _Task:
        if self._preemptions is None or last is None or last.done:
            return awake[self._choices.choose(len(awake))]
        if self._preemptions == 0:
            return last
        others = [task for task in awake if task is not last]
        chosen = self._choices.choose(1 + len(others))
        self._preemptions -= chosen > 0
        return [last, *others][chosen]

    def _run(self, work: Callable[[], object]) -> None:
        task = self._tasks[current_thread().name]
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the test looks at whatever a task raised
            task.raised = error
        task.done = True
        task.paused.release()


def schedules(preemptions: int | None = None) -> Iterator[Schedule]:
    """Yield one schedule for each order; run each to its end before asking for the next.

    With `preemptions`, each order of no more than so many preemptions.
    """
    path: Sequence[int] | None = []
    while path is not None:
        choices = Choices(path)
        yield Schedule(choices, preemptions)
        path = choices.following()
