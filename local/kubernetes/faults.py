"""Faults that tests can inject into the server's responses, and counts of its requests."""

import threading
from collections import Counter
from dataclasses import dataclass, field, fields

from local.faults import Fault, Healing, Plans


@dataclass(frozen=True, slots=True)
class Where:
    """The subject of a request; in a plan None matches anything.

    `patch` is the type of patch that a request sends.
    """

    verb: str | None = None
    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    patch: str | None = None

    def covers(self, asked: "Where") -> bool:
        """Return whether a request matches."""
        names = (field.name for field in fields(self))
        return all(getattr(self, name) in {None, getattr(asked, name)} for name in names)


@dataclass(slots=True)
class Faults:
    """Planned faults: each applies to the next `requests` matches (None: all, until `clear`)."""

    _plans: Plans[Where] = field(default_factory=Plans[Where])

    def fail(
        self,
        status: int,
        requests: int | None = 1,
        *,
        verb: str | None = None,
        resource: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer with the status and, if given, Retry-After in seconds."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.plan(Fault(status, headers=headers), requests, Where(verb, resource))

    def delay(
        self,
        seconds: float,
        requests: int | None = 1,
        *,
        verb: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Delay the request, then answer it."""
        self.plan(Fault(delay=seconds), requests, Where(verb, resource))

    def reset(
        self, requests: int | None = 1, *, verb: str | None = None, resource: str | None = None
    ) -> None:
        """Break the connection without a response."""
        self.plan(Fault(reset=True), requests, Where(verb, resource))

    def plan(self, fault: Fault, requests: int | None = 1, where: Where = Where()) -> Healing:
        """Apply any fault; return a function that ends it."""
        return self._plans.plan(fault, requests, where.covers)

    def clear(self) -> None:
        """Remove every plan."""
        self._plans.clear()

    def take(self, asked: Where) -> Fault | None:
        """Return the fault for this request, and count it down."""
        return self._plans.take(asked)


@dataclass(slots=True)
class Requests:
    """The number of requests by verb and resource."""

    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, verb: str, resource: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[verb, resource] += 1

    def count(self, verb: str | None = None, resource: str | None = None) -> int:
        """Return the number of matching requests; None matches anything."""
        with self._lock:
            return sum(
                times
                for (its_verb, its_resource), times in self._counts.items()
                if verb in (None, its_verb) and resource in (None, its_resource)
            )

    def reset(self) -> None:
        """Reset the counts."""
        with self._lock:
            self._counts.clear()
