"""Looks at the workloads of namespaces and restarts those whose turn it is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from threading import Lock

from sync.core.changes import SyncedSecret
from sync.core.errors import Conflict, SyncError, Transient
from sync.core.model import Target
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.restarts import Reader, Restart, RestartRules
from sync.rollout.decision import Decision, Moment, decide, lacks, needs_pods
from sync.rollout.opting import Secrets, choice, readings
from sync.rollout.record import Changed
from sync.rollout.sequence import Queue
from sync.rollout.workloads import Place, Workload, Workloads

_ATTEMPTS = 5  # controllers write the status all the time, and so move the resourceVersion
_REFUSED_SECONDS = 3600.0
_REFUSALS = 10_000  # more than there are; then all are forgotten

type Stored = Callable[[Place, str, Deadline], SyncedSecret | None]
"""Reads a Secret, None if there is no such one; raises Permanent or Transient."""

type _Refused = tuple[str, tuple[Changed, ...]]
"""A workload's uid and the changes for which it was to be restarted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look at some namespaces.

    `due` are those in which something is left to do soon, each with when, in epoch seconds.
    """

    restarts: tuple[Restart, ...] = ()
    due: Mapping[Place, float] = field(default_factory=dict)


class Restarter:
    """Restarts workloads; safe for any number of threads.

    It remembers nothing that another instance needs: only what admission refused, and how many
    restarts are under way in other namespaces. `now` returns epoch seconds, `is_open` whether
    restarts may begin at such a time. `stored` reads Secrets of ours before a restart.
    `threads` look at several namespaces at once.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - two ports, the settings, a clock, windows and threads
        self,
        workloads: Workloads,
        stored: Stored,
        rules: RestartRules,
        now: Callable[[], float],
        is_open: Callable[[float], bool],
        threads: Executor,
    ) -> None:
        self.rules = rules
        self._workloads = workloads
        self._stored = stored
        self._now = now
        self._is_open = is_open
        self._threads = threads
        self._lock = Lock()
        self._looking: dict[Place, Lock] = {}
        self._running: dict[Place, int] = {}
        self._refused: dict[_Refused, tuple[float, SyncError]] = {}

    def look(self, places: Mapping[Place, Secrets], deadline: Deadline) -> Look:
        """Do what is due in these namespaces, given their Secrets; what fails is told."""

        def one(place: Place) -> Look:
            try:
                return self._look(place, places[place], deadline)
            except SyncError as error:
                return Look((Restart(place.cluster, place.namespace, error=error),))

        looks = list(self._threads.map(one, places) if len(places) > 1 else map(one, places))
        restarts = tuple(each for look in looks for each in look.restarts)
        return Look(restarts, {place: at for look in looks for place, at in look.due.items()})

    def readers_of(
        self, target: Target, secrets: Iterable[SyncedSecret], deadline: Deadline
    ) -> Sequence[Reader]:
        """Return which workloads read each key of a target's Secrets.

        Raises Permanent or Transient.
        """
        by_name = {each.name: each for each in secrets}
        place = Place(target.cluster, target.namespace)
        return [
            Reader(
                kind=workload.kind,
                name=workload.name,
                secret=each.secret,
                key=each.key,
                opted=each.opted,
                changed=each.count.at if each.count else None,
                running=workload.record.count(each.secret, each.key) if workload.record else None,
            )
            for workload in self._workloads.list(place, deadline)
            for each in readings(workload, choice(workload, self.rules), by_name)
        ]

    def _look(self, place: Place, secrets: Secrets, deadline: Deadline) -> Look:
        """Look at one namespace, unless another thread does and has no end."""
        lock = self._looking.setdefault(place, Lock())
        if not lock.acquire(timeout=deadline.remaining()):
            raise Transient(Reason.DEADLINE_EXCEEDED, f"Another look at {place} takes too long.")
        try:
            found = self._workloads.list(place, deadline)
            decisions, moment, secrets = self._decisions(place, secrets, found, deadline)
            restarts: list[Restart] = []
            due: list[float] = []
            for each in self._turns(place, Queue(found, moment), decisions):
                done = each if each.error else self._write(each, secrets, moment, deadline)
                if done is not None:
                    restarts += _told(done)
                    due += [] if done.due is None else [done.due]
            restarts += Queue(found, moment).told()
            return Look(tuple(restarts), {place: min(due)} if due else {})
        finally:
            lock.release()

    def _decisions(
        self, place: Place, secrets: Secrets, found: Iterable[Workload], deadline: Deadline
    ) -> tuple[Sequence[Decision], Moment, Secrets]:
        """Decide for each workload, by what of the Secrets holds now.

        Asks for the pods only if they may change a decision, and for the Secrets only if something
        is to be restarted.
        """
        now = self._now()
        moment = Moment(now, self.rules, None, self._is_open(now))
        first = [decide(each, secrets, moment) for each in found]
        if any(map(needs_pods, first)):
            moment = replace(moment, pods=self._workloads.pods(place, deadline))
        again = [
            decide(each.workload, secrets, moment) if each and needs_pods(each) else each
            for each in first
        ]
        latest = self._latest(place, secrets, filter(None, again), deadline)
        if latest != secrets:
            again = [decide(each, latest, moment) for each in found]
        return (
            [
                self._unless_refused(self._unless_lacking(each, latest, deadline))
                for each in again
                if each is not None
            ],
            moment,
            latest,
        )

    def _latest(
        self, place: Place, secrets: Secrets, decisions: Iterable[Decision], deadline: Deadline
    ) -> Secrets:
        """Read those Secrets anew for whose changes something is to be restarted now.

        They may have been written since they were visited: then it is not quiet yet.
        """
        names = {change.secret for each in decisions if each.restarts for change in each.changed}
        latest = {name: each for name, each in secrets.items() if name not in names}
        for name in sorted(names):
            if (there := self._stored(place, name, deadline)) is not None:
                latest[name] = there
        return latest

    def _unless_lacking(self, decision: Decision, secrets: Secrets, deadline: Deadline) -> Decision:
        """Look for what pods need of those of our Secrets that no reconcile has just visited.

        Ours are those of which the workload remembers counts.
        """
        workload = decision.workload
        if not decision.restarts or workload.record is None:
            return decision
        needed = [
            use
            for use in workload.uses
            if not use.optional
            and use.secret in workload.record.counts
            and use.secret not in secrets
        ]
        missing: list[str] = []
        for name in dict.fromkeys(use.secret for use in needed):
            try:
                there = self._stored(workload.place, name, deadline)
            except SyncError as error:
                return decision.refused(error)
            if there is None:
                missing.append(name)
                continue
            wanted = {use.key for use in needed if use.secret == name and use.key is not None}
            missing += [f"{name}/{key}" for key in sorted(wanted.difference(there.keys))]
        return decision.refused(lacks(workload, missing)) if missing else decision

    def _turns(self, place: Place, queue: Queue, decisions: Iterable[Decision]) -> list[Decision]:
        """Choose whose turn it is, of all namespaces that this process looks at."""
        with self._lock:
            elsewhere = sum(n for other, n in self._running.items() if other != place)
            chosen = list(queue.turns(decisions, elsewhere))
            running = {each.uid for each in queue.running}
            running |= {each.workload.uid for each in chosen if each.restarts}
            self._running[place] = len(running)
        return chosen

    def _write(
        self, decision: Decision, secrets: Secrets, moment: Moment, deadline: Deadline
    ) -> Decision | None:
        """Write a workload's annotations; return what came of it, None if nothing is to be done.

        After a conflict the workload is read and decided anew.
        """
        for _ in range(_ATTEMPTS):
            try:
                self._workloads.apply(decision.workload, decision.write(moment.now), deadline)
            except Conflict:
                pass
            except SyncError as error:
                return self._refuse(decision, error)
            else:
                return decision
            try:
                workload = self._workloads.read(decision.workload, deadline)
            except SyncError as error:
                return decision.refused(error)
            anew = decide(workload, secrets, moment) if workload else None
            if anew is None or anew.error:
                return anew
            decision = anew
        return decision.refused(
            Transient(Reason.CONFLICT, f"{decision.workload} changed in each of {_ATTEMPTS} turns.")
        )

    def _refuse(self, decision: Decision, error: SyncError) -> Decision:
        """Return the decision with why it failed; remember it if the workload was refused."""
        if error.reason is Reason.WORKLOAD_REFUSED:
            with self._lock:
                if len(self._refused) >= _REFUSALS:
                    self._refused.clear()
                self._refused[_of(decision)] = (self._now(), error)
        return decision.refused(error)

    def _unless_refused(self, decision: Decision) -> Decision:
        with self._lock:
            at, error = self._refused.get(_of(decision), (0.0, None))
        if error is None or self._now() > at + _REFUSED_SECONDS:
            return decision
        return decision.refused(error)


def _of(decision: Decision) -> _Refused:
    return (decision.workload.uid, decision.changed)


def _told(decision: Decision) -> Iterator[Restart]:
    """Yield what came of a decision, unless the workload only remembers."""
    if decision.changed or decision.error:
        workload = decision.workload
        yield Restart(
            workload.place.cluster,
            workload.place.namespace,
            workload.kind,
            workload.name,
            tuple(sorted(map(str, decision.changed))),
            decision.error,
        )
