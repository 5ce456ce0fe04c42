"""Remembers which hosts throttle the app, so that all its calls to one wait for the same moment."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from azure.core.exceptions import AzureError

REFUSALS_TO_STOP = 5
"""After so many in a row a call fails: what was asked for has been waited out again and again."""

ANSWER_SECONDS = 1.0
"""What is left for the call itself, or else no wait is worth while."""

_ON_ANOTHERS_WORD = 10.0
"""The longest wait for what another call was told, in which Key Vault's allowance is renewed: one
odd answer does not stop a vault for an hour."""

_FORGET_SECONDS = 60.0
_MOST_HOSTS = 256


class Throttled(AzureError):
    """A call that was not sent, since its host throttles the app for that many seconds more."""

    def __init__(self, seconds: float) -> None:
        super().__init__("throttled")
        self.seconds = seconds


@dataclass(slots=True)
class _Rest:
    until: float = -math.inf
    since: float = -math.inf
    refusals: int = 0


class Throttle:
    """When each host that answered 429 may be asked again; for any number of threads.

    Where a host does not say for how long, the waits are those of Key Vault's guidance: 1, 2, 4 and
    8 seconds. https://learn.microsoft.com/azure/key-vault/general/overview-throttling
    Nothing is kept of a host that answers again, and of no more than 256: an event may name any
    host. `clock` gives monotonic seconds.
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
        """Raise Throttled where a call of so many seconds cannot wait for the host's moment."""
        left = self.left(host)
        if left and left + ANSWER_SECONDS >= seconds:
            raise Throttled(left)

    def refused(self, host: str, sent: float, advice: float | None) -> float | None:
        """Note a 429 to a call sent at that moment; return how long that call is to wait.

        Calls that were under way together count as one refusal. None after five of them in a row.
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
        """Note that the host answered a call sent at that moment."""
        if host not in self._rests:
            return
        with self._lock:
            rest = self._rests.get(host)
            if rest is not None and sent > rest.since:
                del self._rests[host]

    def _make_room(self, now: float) -> None:
        """Drop what is over, and where that is not enough what ends first."""
        if len(self._rests) >= _MOST_HOSTS:
            over = [host for host, rest in self._rests.items() if rest.until < now]
            for host in over or [min(self._rests, key=lambda host: self._rests[host].until)]:
                del self._rests[host]
