"""Decides which workloads are restarted now, and which wait until another one is ready.

One wrong password must not restart everything: the next workload follows when the last is complete,
and one that does not become ready stops those that read the same keys. All of it is seen in the
workloads' own annotations and status, so that any instance can go on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.rollout.decision import RECENT, Decision, Moment, is_ours, waits_for
from sync.rollout.workloads import Workload


@dataclass(frozen=True, slots=True)
class Queue:
    """The workloads of one namespace, those that we restart by now, and those that do not end."""

    workloads: Sequence[Workload]
    moment: Moment

    @property
    def running(self) -> Sequence[Workload]:
        """The workloads whose restart by us is under way, and in time."""
        return [each for each in self.workloads if is_ours(each, self.moment)]

    @property
    def stuck(self) -> Sequence[Workload]:
        """The workloads that we restarted, and that were not ready by their deadline."""
        return [each for each in self.workloads if self._late(each) is not None]

    def told(self) -> Iterator[Restart]:
        """Yield each workload that has not become ready in the last hour."""
        for each in self.stuck:
            late = self._late(each)
            if late is not None and late < RECENT:
                yield Restart(
                    each.place.cluster,
                    each.place.namespace,
                    each.kind,
                    each.name,
                    error=Permanent(
                        Reason.WORKLOAD_NOT_READY,
                        f"{each} was restarted, and is not ready in time: look at its pods.",
                    ),
                )

    def turns(self, decisions: Iterable[Decision], elsewhere: int) -> Iterator[Decision]:
        """Yield the decisions, as waiting those whose turn it is not.

        `elsewhere` is how many restarts are under way in other namespaces.
        """
        rules, running = self.moment.rules, list(self.running)
        late = {each.uid for each in self.stuck}
        for each in sorted(
            decisions, key=lambda each: (each.workload.uid not in late, _order(each))
        ):
            if not each.restarts or _is_among(each.workload, running):
                yield each
            elif blocking := self._blocking(each):
                yield each.refused(
                    Permanent(
                        Reason.WORKLOAD_STOPPED,
                        f"{each.workload} is not restarted: {blocking}, which reads the same keys, "
                        "was restarted before it and is not ready.",
                    )
                )
            elif len(running) >= rules.in_namespace:
                yield waits_for(each, running[0], self.moment.now)
            elif len(running) + elsewhere >= rules.in_all:
                yield waits_for(each, None, self.moment.now)
            else:
                running.append(each.workload)
                yield each

    def _late(self, workload: Workload) -> float | None:
        """Return for how many seconds a workload should have been ready; None if it need not be."""
        at = workload.record.at if workload.record else 0
        late = self.moment.now - at - self.moment.rules.deadline
        return late if at > 0 and not workload.progress.complete and late >= 0 else None

    def _blocking(self, decision: Decision) -> Workload | None:
        """Return a workload that is not ready with one of the values that a decision is about."""
        for other in self.stuck:
            if other.uid != decision.workload.uid and other.record is not None:
                counts = [other.record.count(each.secret, each.key) for each in decision.changed]
                if any(
                    count == each.at for count, each in zip(counts, decision.changed, strict=True)
                ):
                    return other
        return None


def _order(decision: Decision) -> tuple[int, str, str]:
    """Order by the oldest change, then by name, the same for every instance."""
    oldest = decision.changed[-1].at if decision.changed else 0
    return (oldest, decision.workload.kind, decision.workload.name)


def _is_among(workload: Workload, running: Iterable[Workload]) -> bool:
    return any(each.uid == workload.uid for each in running)
