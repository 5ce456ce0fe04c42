"""Decides which of many events of a namespace waits until it is quiet, and restarts for all."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sync.core.changes import SyncedSecret
from sync.rollout.opting import Secrets
from sync.rollout.workloads import Place


@dataclass(slots=True)
class _Burst:
    """The writes of a namespace since it was quiet; times are seconds of one clock.

    `waiter` is the number of the event that waits, and it may wait until `limit`.
    """

    last: float
    waiter: int
    limit: float
    secrets: dict[str, SyncedSecret] = field(default_factory=dict)


@dataclass(slots=True)
class QuietPeriods:
    """The bursts of all namespaces; every call is made on one thread.

    `seconds` is how long a namespace must be quiet.
    """

    seconds: float
    _bursts: dict[Place, _Burst] = field(default_factory=dict)
    _events: int = 0

    def written(
        self, place: Place, secrets: Iterable[SyncedSecret], now: float, limit: float
    ) -> int | None:
        """Note a write; return the number of the event if it is the one to wait, else None.

        An event that may wait until `limit` takes over from one whose time would not suffice; it
        waits for nothing if its own does not suffice either.
        """
        burst = self._bursts.get(place)
        quiet = now + self.seconds
        ours = quiet <= limit and (burst is None or burst.limit < quiet)
        self._events += 1
        if burst is None and ours:
            burst = self._bursts[place] = _Burst(now, self._events, limit)
        if burst is None:
            return None
        burst.last = now
        burst.secrets |= {each.name: each for each in secrets}
        if ours:
            burst.waiter, burst.limit = self._events, limit
        return self._events if ours else None

    def remaining(self, place: Place, event: int, now: float) -> float | None:
        """Return the seconds until the namespace is quiet; None if another event waits for it."""
        burst = self._bursts.get(place)
        if burst is None or burst.waiter != event:
            return None
        return max(0.0, burst.last + self.seconds - now)

    def take(self, place: Place) -> Secrets:
        """End the burst, and return the Secrets as its writes left them."""
        return self._bursts.pop(place).secrets
