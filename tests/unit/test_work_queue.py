"""Many vaults at once: who shares a reconcile, who gets which outcome, and in what order."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier, Event, Lock, Thread

import pytest

from sync.app.work_queue import Threads, WorkQueue
from sync.core.changes import Action, Change, Count, SyncedSecret
from sync.core.errors import Permanent, SyncError, Transient, Unexpected
from sync.core.model import Hint, ListedSecret, SecretName, Target
from sync.core.outcomes import Converged, Failed, LeftOut, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.fakes import Clock, names, target_of, vault_name

SECONDS = 20.0
QUIET = ReconcileResult((), 0, (), {})


def work(number: int = 1, *secrets: str, whole: bool = False) -> ReconcileRequest:
    """Return work for a vault."""
    hints = tuple(Hint(SecretName(secret)) for secret in secrets)
    return ReconcileRequest(target_of(vault_name(f"weu-ds-akv-s-dev-{number}")), hints, whole=whole)


@dataclass(slots=True)
class Desk:
    """A reconcile that keeps what it was asked, and waits at an open or closed gate."""

    done: Callable[[ReconcileRequest], ReconcileResult] = lambda _: QUIET
    gate: Event = field(default_factory=Event)
    entered: Event = field(default_factory=Event)
    works: list[ReconcileRequest] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    running: int = 0
    most: int = 0

    def __call__(
        self, work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        """Do as a test says."""
        with self.lock:
            self.works.append(work)
            self.budgets.append(deadline.remaining())
            self.running += 1
            self.most = max(self.most, self.running)
        self.entered.set()
        assert self.gate.wait(SECONDS)
        assert fetchers.submit(int, "7").result(SECONDS) == 7
        try:
            return self.done(work)
        finally:
            with self.lock:
                self.running -= 1

    def opened(self) -> "Desk":
        """Open the gate for good."""
        self.gate.set()
        return self


def queue(desk: Desk, lanes: int = 4) -> WorkQueue:
    """Return a queue over a desk, whose sweeps take two lanes."""
    return WorkQueue(desk, Clock(), Threads(lanes, passes=2, fetchers=2))


def busy(desk: Desk) -> tuple[Desk, WorkQueue, Future[Outcome]]:
    """Return a queue whose first work is under way at the desk, and that work's outcome."""
    under_test = queue(desk)
    first = under_test.submit(work(1, "first"), 5)
    assert desk.entered.wait(SECONDS)
    return desk, under_test, first


def results(futures: list[Future[Outcome]]) -> list[Outcome]:
    """Wait for all."""
    return [future.result(SECONDS) for future in futures]


def test_a_burst_joins_the_next_write() -> None:
    """What arrives while a reconcile is under way is done by one more, with every hint once."""
    desk, under_test, first = busy(Desk())
    burst = [under_test.submit(work(1, name), 5) for name in (*names("key", 499), "key00")]
    desk.gate.set()
    assert all(isinstance(outcome, Converged) for outcome in results([first, *burst]))
    assert len(desk.works) == 2
    assert [hint.secret for hint in desk.works[1].hints] == list(names("key", 499))
    assert not desk.works[1].whole


def test_what_joins_is_done_together() -> None:
    """Those who join bring their hints, and whether another vault has the target is still asked."""

    def contested(_target: Target, _deadline: Deadline) -> bool:
        return True

    desk, under_test, first = busy(Desk())
    futures = [first]
    futures += [
        under_test.submit(replace(work(1, name), contested=contested), 5) for name in ("a", "b")
    ]
    desk.gate.set()
    results(futures)
    assert desk.works[1] == work(1, "a", "b")
    assert desk.works[1].contested is contested


@pytest.mark.parametrize("same", [True, False])
def test_a_listing_serves_those_alone_who_began_with_it(same: bool) -> None:  # noqa: FBT001
    """A request that joins another's reconcile may be younger than that one's listing."""

    def one(_deadline: Deadline) -> Sequence[ListedSecret]:
        return ()

    def another(_deadline: Deadline) -> Sequence[ListedSecret]:
        return ()

    desk, under_test, first = busy(Desk())
    listings = [one, one if same else another]
    futures = [under_test.submit(replace(work(1), listing=each), 5) for each in listings]
    desk.gate.set()
    results([first, *futures])
    assert desk.works[1].listing is (one if same else None)


@pytest.mark.parametrize(
    "other",
    [
        ReconcileRequest(work(1).target, whole=True),
        ReconcileRequest(work(1).target, whole=False, removals=True),
        ReconcileRequest(work(1).target, whole=False, takeover=True),
        ReconcileRequest(work(1).target, whole=False, takeover_from="weu-ds-akv-gone-dev-1"),
        ReconcileRequest(work(1).target, whole=False, refetch=True),
        ReconcileRequest(work(1).target, whole=False, dry_run=True),
        work(2),
        ReconcileRequest(replace(work(1).target, secret="keyvault-2"), whole=False),
    ],
    ids=["whole", "removals", "takeover", "from", "refetch", "dry-run", "vault", "target"],
)
def test_only_the_same_manner_and_target_join(other: ReconcileRequest) -> None:
    """A pass and an operator's options share nothing with an event, nor do two targets."""
    desk = Desk()
    under_test = queue(desk)
    first = under_test.submit(work(1), 5)
    assert desk.entered.wait(SECONDS)
    desk.entered.clear()
    second = under_test.submit(other, 5)
    assert desk.entered.wait(SECONDS)
    desk.gate.set()
    assert all(isinstance(outcome, Converged) for outcome in results([first, second]))
    assert desk.works == [work(1), other]


def test_a_joined_reconcile_has_the_longest_budget() -> None:
    """The deadline of a reconcile that is shared is that of the one who has most time."""
    desk = Desk()
    under_test = queue(desk)
    futures = [under_test.submit(work(1), 5)]
    assert desk.entered.wait(SECONDS)
    futures += [under_test.submit(work(1), seconds) for seconds in (3, 9, 6)]
    desk.gate.set()
    results(futures)
    assert desk.budgets == [5, 9]


def test_each_waiter_gets_its_own_outcome() -> None:
    """A secret that could not be read fails those who asked for it, and those who want all."""
    lost = Transient(Reason.VAULT_THROTTLED, "Throttled.")
    change = Change("a", Action.UPDATE, "v2")
    out = tuple(LeftOut(SecretName(name), "It is off.") for name in ("A", "b"))
    own = SyncedSecret("keyvault-project", frozenset({"a"}), {"a": Count(1)})
    done = ReconcileResult((change,), 2, (), {SecretName("Bad"): lost}, (), out, (own,))
    desk, under_test, first = busy(Desk(lambda _: done))
    futures = [first]
    futures += [
        under_test.submit(each, 5) for each in (work(1, "a"), work(1, "bad"), work(1, whole=True))
    ]
    desk.gate.set()
    _, good, bad, whole = results(futures)
    target = work(1).target
    assert good == Converged(target, (change,), 2, left_out=out[:1])
    refused = {SecretName("Bad"): lost}
    failed = Failed(target.vault.text, lost, target, (change,), refused)
    assert (bad, whole) == (failed, replace(failed, left_out=out))
    for told in (good, bad, whole):
        assert isinstance(told, Converged | Failed)
        assert told.secrets == (own,)


@pytest.mark.parametrize(
    "error",
    [Permanent(Reason.VAULT_FORBIDDEN, "No."), Transient(Reason.VAULT_UNAVAILABLE, "Later.")],
    ids=["permanent", "transient"],
)
def test_an_error_is_an_outcome(error: SyncError) -> None:
    """What a reconcile raises is the outcome of all who share it; the future never raises."""

    def refuse(_: ReconcileRequest) -> ReconcileResult:
        raise error

    outcome = queue(Desk(refuse).opened()).submit(work(1), 5).result(SECONDS)
    assert outcome == Failed(work(1).target.vault.text, error, work(1).target)


def test_a_bug_is_named_without_its_text() -> None:
    """An exception that nobody thought of is Unexpected: its type and place, not what it says."""

    def stumble(_: ReconcileRequest) -> ReconcileResult:
        raise ZeroDivisionError("pl4nted")

    desk = Desk(stumble).opened()
    under_test = queue(desk)
    outcome = under_test.submit(work(1), 5).result(SECONDS)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Unexpected)
    assert "ZeroDivisionError at test_work_queue.py:" in outcome.error.message
    assert "pl4nted" not in repr(outcome) + outcome.error.message
    assert outcome.error.__cause__ is None
    assert outcome.error.__context__ is None
    desk.done = lambda _: QUIET
    assert isinstance(under_test.submit(work(1), 5).result(SECONDS), Converged)


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
def test_whatever_ends_a_reconcile_leaves_nobody_waiting(end: type[BaseException]) -> None:
    """All who share it are told of a bug, those who came later are served, and so is the next."""

    def done(work: ReconcileRequest) -> ReconcileResult:
        if work.hints == (Hint(SecretName("first")),):
            raise end("pl4nted")
        return QUIET

    desk, under_test, first = busy(Desk(done))
    second = under_test.submit(work(1, "second"), 5)
    desk.gate.set()
    failed, served = results([first, second])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Unexpected)
    assert end.__name__ in failed.error.message
    assert "pl4nted" not in failed.error.message
    assert isinstance(served, Converged)
    assert isinstance(under_test.submit(work(1, "third"), 5).result(SECONDS), Converged)


def test_a_thread_that_cannot_be_started_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the system has no thread left an event fails, and one that comes later is served."""

    def none_left(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    under_test = queue(Desk().opened())
    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", none_left)
        failed = under_test.submit(work(1, "a"), 5)
    (outcome,) = results([failed])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Unexpected)
    assert isinstance(under_test.submit(work(1, "b"), 5).result(SECONDS), Converged)


def test_of_several_causes_one_that_may_pass_is_told() -> None:
    """Where one secret is refused for good and another one may come, the whole is tried again."""
    refused = Permanent(Reason.VALUE_NOT_UNICODE, "It is no text.")
    late = Transient(Reason.VAULT_THROTTLED, "Later.", 7.0)
    causes = {SecretName("a"): refused, SecretName("b"): late, SecretName("c"): refused}
    desk = Desk(lambda _: ReconcileResult((), 0, (), causes))
    outcome = queue(desk.opened()).submit(work(1, whole=True), 5).result(SECONDS)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Transient)
    assert (outcome.error.reason, outcome.error.retry_after) == ("VaultThrottled", 7.0)


def test_those_who_no_longer_wait_are_left_out() -> None:
    """A waiter that was cancelled costs nothing, and the others get their outcomes."""
    desk, under_test, first = busy(Desk())
    gone = under_test.submit(work(1, "gone"), 5)
    stays = under_test.submit(work(1, "stays"), 5)
    assert gone.cancel()
    assert not first.cancel()
    desk.gate.set()
    results([first, stays])
    assert desk.works[1].hints == (Hint(SecretName("stays")),)
    last = under_test.submit(work(1, "last"), 5)
    assert isinstance(last.result(SECONDS), Converged)


def test_a_batch_that_nobody_waits_for_is_not_done() -> None:
    """Where all who joined have gone, the vault is not read for them."""
    desk, under_test, first = busy(Desk())
    assert under_test.submit(work(1, "gone"), 5).cancel()
    desk.gate.set()
    results([first, under_test.submit(work(1, "last"), 5)])
    assert {hint.secret for each in desk.works for hint in each.hints} == {"first", "last"}


def test_a_sweep_is_bounded_and_in_order() -> None:
    """A sweep takes a few targets at a time; its outcomes have the order of its works."""
    together = Barrier(2)

    def meet(_: ReconcileRequest) -> ReconcileResult:
        together.wait(SECONDS)
        return QUIET

    desk = Desk(meet).opened()
    works = [work(number, whole=True) for number in range(1, 13)]
    outcomes = list(queue(desk).reconcile_many(works, 5, 100))
    assert [outcome.target for outcome in outcomes if isinstance(outcome, Converged)] == [
        each.target for each in works
    ]
    assert desk.most == 2


def test_an_event_never_queues_behind_a_sweep() -> None:
    """While a sweep has all it may have, an event for another vault goes ahead."""
    desk = Desk()
    under_test = queue(desk, lanes=3)
    sweep = under_test.reconcile_many([work(number, whole=True) for number in range(1, 9)], 5, 100)
    deadline = time.monotonic() + SECONDS
    while desk.running < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    event = under_test.submit(work(50, "a"), 5)
    while desk.running < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert work(50, "a") in desk.works
    desk.gate.set()
    assert isinstance(event.result(SECONDS), Converged)
    assert len(list(sweep)) == 8


def test_the_timer_never_queues_behind_requests() -> None:
    """While requests have all that they may have, a pass by timer goes ahead on its own threads."""
    desk = Desk()
    under_test = WorkQueue(desk, Clock(), Threads(lanes=4, passes=2, fetchers=2, timer=2))
    requests = under_test.reconcile_many([work(number, whole=True) for number in range(1, 9)], 5, 9)
    deadline = time.monotonic() + SECONDS
    while desk.running < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    timer = under_test.reconcile_by_timer([work(number) for number in range(20, 24)], 5, 9)
    while desk.running < 4:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    swept = {work(number).target for number in range(20, 24)}
    assert len([each for each in desk.works if each.target in swept]) == 2
    desk.gate.set()
    assert len(list(timer)) == 4
    assert len(list(requests)) == 8


def test_outcomes_of_the_timer_come_when_they_are_there() -> None:
    """A vault that hangs does not keep back the outcomes of those after it."""
    ended = Event()

    def reconcile(
        work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        del deadline, fetchers
        assert work.target.number != 1 or ended.wait(SECONDS)
        return QUIET

    under_test = WorkQueue(reconcile, Clock(), Threads(lanes=4, passes=2, fetchers=2, timer=2))
    told = under_test.reconcile_by_timer([work(number) for number in range(1, 6)], 5, SECONDS)
    first = [next(told) for _ in range(4)]
    quick = {work(number).target for number in range(2, 6)}
    assert {each.target for each in first if isinstance(each, Converged)} == quick
    ended.set()
    assert [type(outcome) for outcome in told] == [Converged]


def test_one_vaults_failure_leaves_the_others() -> None:
    """In a sweep a bug or an error of one vault is its own outcome."""

    def some(work: ReconcileRequest) -> ReconcileResult:
        match work.target.number:
            case 2:
                raise Permanent(Reason.VAULT_FORBIDDEN, "No.")
            case 3:
                raise KeyError
            case _:
                return QUIET

    works = [work(number) for number in range(1, 5)]
    outcomes = list(queue(Desk(some).opened()).reconcile_many(works, 5, 100))
    kinds = [o.error if isinstance(o, Failed) else None for o in outcomes]
    assert [type(kind) for kind in kinds] == [type(None), Permanent, Unexpected, type(None)]


def test_a_sweep_that_runs_out_of_time_says_so() -> None:
    """Vaults whose turn does not come within the total are Transient, and are not touched."""
    clock = Clock()

    def pass_time(_: ReconcileRequest) -> ReconcileResult:
        clock.tick(30)
        return QUIET

    desk = Desk(pass_time).opened()
    under_test = WorkQueue(desk, clock, Threads(lanes=2, passes=1, fetchers=1))
    outcomes = list(under_test.reconcile_many([work(number) for number in range(1, 6)], 50, 70))
    assert [type(outcome) for outcome in outcomes] == [Converged] * 3 + [Failed] * 2
    late = outcomes[-1]
    assert isinstance(late, Failed)
    assert isinstance(late.error, Transient)
    assert desk.budgets == [50, 40, 10]


def test_one_target_waits_for_no_pass() -> None:
    """While a pass hangs, an operator's resync of another vault is done."""
    desk = Desk()

    def reconcile(
        work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        return QUIET if work.target == one.target else desk(work, deadline, fetchers)

    one = work(9, whole=True)
    under_test = WorkQueue(reconcile, Clock(), Threads(lanes=4, passes=2, fetchers=2))
    hanging = under_test.reconcile_many(
        [work(number, whole=True) for number in range(1, 5)], 120, 270
    )
    assert desk.entered.wait(SECONDS)
    with ThreadPoolExecutor(1) as operator:
        asked = operator.submit(lambda: list(under_test.reconcile_many([one], 24, 200)))
        try:
            (outcome,) = asked.result(SECONDS)
        finally:
            desk.gate.set()
    assert isinstance(outcome, Converged)
    assert len(list(hanging)) == 4


def test_a_reconcile_that_never_ends_is_not_waited_for() -> None:
    """Whoever waits is told once time and grace are over, and the others had their turn."""
    ended = Event()

    def reconcile(
        work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        del deadline, fetchers
        assert work.target.number != 1 or ended.wait(SECONDS)
        return QUIET

    under_test = WorkQueue(
        reconcile, time.monotonic, Threads(lanes=4, passes=2, fetchers=2), grace=0.1
    )
    stuck, *others = under_test.reconcile_many(
        [work(number) for number in range(1, 6)], 0.1, SECONDS
    )
    ended.set()
    assert isinstance(stuck, Failed)
    assert isinstance(stuck.error, Transient)
    assert stuck.error.reason == "DeadlineExceeded"
    assert all(isinstance(outcome, Converged) for outcome in others)


def test_questions_are_asked_a_few_at_a_time() -> None:
    """As many as there are readers are under way at once; answers come in the questions' order."""
    together = Barrier(2)
    asking = Lock()
    under_way: list[int] = []
    crowds: list[int] = []

    def tell(number: int, deadline: Deadline) -> int:
        assert deadline.remaining() <= SECONDS
        with asking:
            under_way.append(number)
            crowds.append(len(under_way))
        together.wait(SECONDS)
        with asking:
            under_way.remove(number)
        return number * number

    queue = WorkQueue(Desk().opened(), time.monotonic, Threads(readers=2))
    assert list(queue.ask(range(6), tell, SECONDS, SECONDS)) == [0, 1, 4, 9, 16, 25]
    assert max(crowds) == 2


def test_one_question_waits_for_no_others() -> None:
    """While a status of all hangs, an operator's status of one vault is told."""
    entered, gate = Event(), Event()

    def hang(number: int, deadline: Deadline) -> int:
        del deadline
        entered.set()
        assert gate.wait(SECONDS)
        return number

    def tell(number: int, deadline: Deadline) -> int:
        del deadline
        return number

    queue = WorkQueue(Desk().opened(), time.monotonic, Threads(readers=1))
    hanging = queue.ask([1, 2], hang, SECONDS, SECONDS)
    assert entered.wait(SECONDS)
    with ThreadPoolExecutor(1) as operator:
        asked = operator.submit(lambda: list(queue.ask([3], tell, SECONDS, SECONDS)))
        try:
            assert asked.result(SECONDS) == [3]
        finally:
            gate.set()
    assert list(hanging) == [1, 2]


def test_a_question_that_fails_is_answered_with_why() -> None:
    """A failure is the answer to its own question; a bug is told by its place alone."""

    def tell(error: Exception | None, deadline: Deadline) -> str:
        del deadline
        if error is not None:
            raise error
        return "told"

    queue = WorkQueue(Desk().opened(), time.monotonic, Threads(readers=1))
    refused = Permanent(Reason.VAULT_FORBIDDEN, "x")
    answers = list(queue.ask([refused, ValueError("pl4nted"), None], tell, SECONDS, SECONDS))
    assert answers[0] is refused
    assert isinstance(answers[1], Unexpected)
    assert "pl4nted" not in answers[1].message
    assert answers[2] == "told"
