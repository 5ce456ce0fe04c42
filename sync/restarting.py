"""Restarts workloads after what was written: waits until it is quiet, looks, and looks again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sync.core.model import Target
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.rollout.opting import Secrets
from sync.rollout.quiet import QuietPeriods
from sync.rollout.restarter import Look
from sync.rollout.workloads import Place

if TYPE_CHECKING:
    from sync.core.changes import SyncedSecret

_LOOK_SECONDS = 4.0
"""How much of its time an event keeps for a look and its writes."""

_SHORTEST_WAIT = 0.2

type Places = Mapping[Place, Secrets]


class Restarting:
    """The restarts of this process; all calls are made on its event loop.

    `quiet` is the seconds without a write before a restart. `look` looks at namespaces on a thread,
    in so many seconds, and `tell` says what came of a workload. Times are monotonic seconds.
    """

    def __init__(
        self,
        quiet: float,
        look: Callable[[Places, float], Awaitable[Look]],
        tell: Callable[[str, Restart], None],
    ) -> None:
        self._quiet = QuietPeriods(quiet)
        self._look = look
        self._tell = tell

    async def after_event(self, outcomes: Iterable[Outcome], end: float) -> None:
        """Restart what reads a key that an event changed, unless another event does.

        One event of each namespace waits until it is quiet; what does not fit is the pass's.
        """
        waiting = []
        for place, secrets in _written(outcomes).items():
            limit = end - _LOOK_SECONDS
            event = self._quiet.written(place, secrets.values(), time.monotonic(), limit)
            if event is not None:
                waiting.append(self._quietly(place, event, end))
        await asyncio.gather(*waiting)

    async def after_pass(
        self, trigger: str, outcomes: Iterable[Outcome], end: float
    ) -> tuple[Restart, ...]:
        """Look at the workloads of each namespace, and do what is due until `end`.

        Returns what came of each workload last.
        """
        return await self._until(trigger, _visited(outcomes), end)

    async def _quietly(self, place: Place, event: int, end: float) -> None:
        limit = end - _LOOK_SECONDS
        while (left := self._quiet.remaining(place, event, time.monotonic())) is not None:
            if time.monotonic() + left > limit:
                self._quiet.take(place)
                return
            if left <= 0:
                await self._until("event", {place: self._quiet.take(place)}, end)
                return
            await asyncio.sleep(left)

    async def _until(self, trigger: str, places: Places, end: float) -> tuple[Restart, ...]:
        """Look until nothing is left to do soon, or no time."""
        told: dict[tuple[str, ...], Restart] = {}
        while places and (left := end - time.monotonic()) > 0:
            look = await self._look(places, left)
            waited = {key: each for key, each in told.items() if _waits(each)}
            told = {key: each for key, each in told.items() if key not in waited}
            for each in look.restarts:
                workload = (each.cluster, each.namespace, each.kind, each.name)
                if _said(told.get(workload, waited.get(workload))) != _said(each):
                    self._tell(trigger, each)
                told[workload] = each
            places = {place: places[place] for place in look.due}
            wait = max(min(look.due.values(), default=0.0) - time.time(), _SHORTEST_WAIT)
            if wait >= end - time.monotonic():
                break
            if places:
                await asyncio.sleep(wait)
        return tuple(told.values())


def _waits(restart: Restart) -> bool:
    """Return whether a later look says what came of it; it says nothing if nothing is to be done.

    Only namespaces in which something waits are looked at again.
    """
    return restart.error is not None and restart.error.reason is Reason.WORKLOAD_WAITS


def _said(restart: Restart | None) -> tuple[str, ...] | None:
    """Return what is said of a restart; errors are compared by what they say."""
    if restart is None:
        return None
    return (*restart.keys, restart.error.message if restart.error else "")


def _written(outcomes: Iterable[Outcome]) -> Places:
    """Return the Secrets of the namespaces in which a value changed."""
    return _visited(
        each
        for each in outcomes
        if isinstance(each, Converged | Failed) and any(not change.same for change in each.changes)
    )


def _visited(outcomes: Iterable[Outcome]) -> Places:
    """Return the Secrets that reconciles visited, by namespace; what was rehearsed is none."""
    places: dict[Place, dict[str, SyncedSecret]] = {}
    for each in outcomes:
        match each:
            case (
                Converged(Target() as target, dry_run=False, secrets=secrets)
                | Failed(target=Target() as target, secrets=secrets)
            ):
                place = Place(target.cluster, target.namespace)
                places.setdefault(place, {}).update({one.name: one for one in secrets})
    return {place: secrets for place, secrets in places.items() if secrets}
