"""Remembers which hosts throttle the app, so that all calls to a host wait together."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from azure.core.exceptions import AzureError

REFUSALS_TO_STOP = 5
"""After so many refusals in a row a call fails, although it waited as long as it was told."""

ANSWER_SECONDS = 1.0
"""The time that has to be left for the call itself, or it does not wait."""

_ON_ANOTHERS_WORD = 10.0
"""The longest that a call waits because of another call's answer: Key Vault renews its allowance in
this time, and one odd answer must not stop a vault for an hour."""

_FORGET_SECONDS = 60.0
_MOST_HOSTS = 256


class Throttled(AzureError):
    """A call was not sent, since its host throttles the app for so many seconds more."""

    def __init__(self, seconds: float) -> None:
        super().__init__("throttled")
        self.seconds = seconds


@dataclass(slots=True)
class _Rest:
    until: float = -math.inf
    since: float = -math.inf
    refusals: int = 0


class Throttle:
    """When each host that answered 429 may be asked again; safe for any number of threads.

    If a host does not say how long to wait, the waits are 1, 2, 4 and 8 seconds, as Key Vault's
    guidance says: https://learn.microsoft.com/azure/key-vault/general/overview-throttling
    A host is forgotten when it answers again. At most 256 are remembered, since an event may name
    any host. `clock` returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = Lock()
        self._rests: dict[str, _Rest] = {}

    def left(self, host: str) -> float:
        """Return the seconds until the host may be asked."""
        rest = self._rests.get(host)
        return max(0.0, rest.until - self.clock()) if rest else 0.0

    def check(self, host: str, seconds: float) -> None:
        """Raise Throttled if a call that has so many seconds cannot wait for the host."""
        left = self.left(host)
        if left and left + ANSWER_SECONDS >= seconds:
            raise Throttled(left)

    def refused(self, host: str, sent: float, advice: float | None) -> float | None:
        """Record a 429 to a call sent at `sent`; return the seconds that this call has to wait.

        Refusals of calls that were sent before the last refusal count as one with it. Returns None
        after five refusals in a row.
        """
        now = self.clock()
        with self._lock:
            rest = self._rests.get(host)
            if rest is None or rest.until + _FORGET_SECONDS < now:
                self._make_room(now)
                rest = self._rests[host] = _Rest()
            if sent > rest.since:
                rest.refusals += 1
                rest.since = now
            wait = advice or 2.0 ** min(rest.refusals - 1, REFUSALS_TO_STOP)
            rest.until = max(rest.until, now + min(wait, _ON_ANOTHERS_WORD))
            return wait if rest.refusals < REFUSALS_TO_STOP else None

    def served(self, host: str, sent: float) -> None:
        """Record that the host answered a call that was sent at `sent`."""
        if host not in self._rests:
            return
        with self._lock:
            rest = self._rests.get(host)
            if rest is not None and sent > rest.since:
                del self._rests[host]

    def _make_room(self, now: float) -> None:
        """Drop the waits that are over, or else the one that ends first."""
        if len(self._rests) >= _MOST_HOSTS:
            over = [host for host, rest in self._rests.items() if rest.until < now]
            for host in over or [min(self._rests, key=lambda host: self._rests[host].until)]:
                del self._rests[host]
