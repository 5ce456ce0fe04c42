"""What may go wrong with the server's answers, on demand of a test, and counts of its requests."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request instead of, or before, its answer."""

    status: int = 0
    delay: float = 0.0
    reset: bool = False
    retry_after: int | None = None


@dataclass(slots=True)
class _Plan:
    fault: Fault
    left: int | None
    verb: str | None
    resource: str | None


@dataclass(slots=True)
class Faults:
    """Planned faults: each plan takes the next `requests` (None: all, until `clear`) that fit."""

    _plans: list[_Plan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        status: int,
        requests: int | None = 1,
        *,
        verb: str | None = None,
        resource: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer with the status and, for 429 and 503, Retry-After in seconds."""
        self._plan(Fault(status=status, retry_after=retry_after), requests, verb, resource)

    def delay(
        self,
        seconds: float,
        requests: int | None = 1,
        *,
        verb: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Hold the request back, then answer it."""
        self._plan(Fault(delay=seconds), requests, verb, resource)

    def reset(
        self, requests: int | None = 1, *, verb: str | None = None, resource: str | None = None
    ) -> None:
        """Break the connection without an answer."""
        self._plan(Fault(reset=True), requests, verb, resource)

    def clear(self) -> None:
        """Forget every plan."""
        with self._lock:
            self._plans.clear()

    def take(self, verb: str, resource: str) -> Fault | None:
        """Return the fault for this request and count it off its plan."""
        with self._lock:
            for plan in self._plans:
                if plan.verb in (None, verb) and plan.resource in (None, resource):
                    if plan.left is not None:
                        plan.left -= 1
                        if not plan.left:
                            self._plans.remove(plan)
                    return plan.fault
            return None

    def _plan(
        self, fault: Fault, requests: int | None, verb: str | None, resource: str | None
    ) -> None:
        with self._lock:
            self._plans.append(_Plan(fault, requests, verb, resource))


@dataclass(slots=True)
class Requests:
    """How many requests came in, by verb and resource."""

    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, verb: str, resource: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[verb, resource] += 1

    def count(self, verb: str | None = None, resource: str | None = None) -> int:
        """Return how many fit; None stands for any."""
        with self._lock:
            return sum(
                times
                for (its_verb, its_resource), times in self._counts.items()
                if verb in (None, its_verb) and resource in (None, its_resource)
            )

    def reset(self) -> None:
        """Start counting from nothing."""
        with self._lock:
            self._counts.clear()
