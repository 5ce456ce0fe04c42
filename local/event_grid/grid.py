"""The topic's state: its subscriptions, deliveries in progress, dead letters and counts."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.event_grid import retry
from local.event_grid.faults import Faults, FaultyChannel
from local.event_grid.retry import Endpoint
from local.event_grid.schema import Event, Schema, event_type, read_event

_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Subscription:
    """A URL and the event types it receives; no types means all of them.

    `endpoint` is what stands there, by which the rules for retries differ.
    """

    name: str
    url: str
    schema: Schema = Schema.EVENT_GRID
    event_types: frozenset[str] = frozenset()
    max_attempts: int = retry.MAX_ATTEMPTS
    time_to_live: float = retry.TIME_TO_LIVE
    endpoint: Endpoint = Endpoint.WEBHOOK


@dataclass(slots=True)
class Delivery:
    """The delivery of one event to one subscription."""

    event: Event
    subscription: Subscription
    expires: float
    attempts: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An undeliverable event; `status` is the last response, None if there was none."""

    event: Event
    subscription: str
    attempts: int
    status: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Events accepted and dropped, and deliveries by their result.

    `pending` are held events, and deliveries in progress or waiting for a retry.
    """

    accepted: int
    dropped: int
    attempts: int
    delivered: int
    dead_lettered: int
    pending: int


type Courier = Callable[[list[Delivery], float], None]
"""Starts the deliveries one after the other, after so many seconds; must not block."""


class EventGrid:
    """One topic; thread-safe.

    `time_scale` multiplies the retry schedule and the time to live, so that a local run need not
    wait as long as Azure does. Deliveries run while the grid's application is served.
    """

    def __init__(self, topic: str, key: str, *, time_scale: float = 1.0) -> None:
        self.topic = topic
        self.key = key
        self._time_scale = time_scale
        self._changed = threading.Condition()
        self._subscriptions: dict[str, Subscription] = {}
        self._channel = FaultyChannel(Faults())
        self._courier: Courier | None = None
        self._under_way = 0
        self._counter: Counter[str] = Counter()
        self._dead: list[DeadLetter] = []
        self._failing: Counter[str] = Counter()
        """How many deliveries in a row each subscription's endpoint has failed."""

    def connect(self, courier: Courier | None) -> None:
        """Use that courier from now on, and forget the deliveries of the previous one."""
        with self._changed:
            self._courier = courier
            self._under_way = 0
            self._changed.notify_all()

    def subscribe(self, subscription: Subscription) -> None:
        """Deliver to that webhook from now on; replaces a subscription of the same name."""
        with self._changed:
            self._subscriptions[subscription.name] = subscription

    def unsubscribe(self, name: str) -> None:
        """Start no more deliveries there."""
        with self._changed:
            del self._subscriptions[name]

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of this moment."""
        with self._changed:
            return tuple(self._subscriptions.values())

    def inject(self, faults: Faults) -> None:
        """Apply those faults instead of the present ones, and release held events."""
        with self._changed:
            held, self._channel = self._channel.release(), FaultyChannel(faults)
            self._start(held)

    def accept(self, events: Iterable[object]) -> None:
        """Accept events of either schema, all or none, without waiting; raises MalformedError."""
        checked = [read_event(event, self.topic) for event in events]
        with self._changed:
            for event in checked:
                self._counter["accepted"] += 1
                batches = self._channel.take(event)
                if batches is None:
                    self._counter["dropped"] += 1
                else:
                    self._start(batches)

    def is_due(self, delivery: Delivery) -> bool:
        """Return whether to make the next attempt; an event whose time is over is a dead letter.

        As in the service, the time to live is looked at only here.
        """
        with self._changed:
            if time.monotonic() <= delivery.expires:
                return True
            self._give_up(delivery)
            return False

    def delay(self, delivery: Delivery) -> float:
        """Return the seconds that an attempt waits because the endpoint keeps failing."""
        with self._changed:
            return retry.delay(self._failing[delivery.subscription.name]) * self._time_scale

    def settle(self, delivery: Delivery, status: int | None) -> float | None:
        """Record an attempt's response; return the seconds until the next one, None for no more."""
        with self._changed:
            delivery.attempts += 1
            delivery.status = status
            self._counter["attempts"] += 1
            subscription = delivery.subscription
            if retry.accepted(status):
                self._counter["delivered"] += 1
                self._failing[subscription.name] = 0
                self._end()
                return None
            self._failing[subscription.name] += 1
            futile = retry.futile(status, subscription.endpoint)
            if futile or delivery.attempts >= subscription.max_attempts:
                self._give_up(delivery)
                return None
            jitter = random.uniform(1, 1 + _JITTER)  # noqa: S311 - no cryptography
            pause = retry.pause(delivery.attempts, status, subscription.endpoint)
            return pause * self._time_scale * jitter

    def _give_up(self, delivery: Delivery) -> None:
        name = delivery.subscription.name
        self._dead.append(DeadLetter(delivery.event, name, delivery.attempts, delivery.status))
        self._end()

    def _end(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()

    def counts(self) -> Counts:
        """Return the counts of this moment."""
        with self._changed:
            return Counts(
                accepted=self._counter["accepted"],
                dropped=self._counter["dropped"],
                attempts=self._counter["attempts"],
                delivered=self._counter["delivered"],
                dead_lettered=len(self._dead),
                pending=self._pending(),
            )

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return the undeliverable events, oldest first."""
        with self._changed:
            return tuple(self._dead)

    def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing is pending; return False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending(), seconds)

    def _pending(self) -> int:
        return self._under_way + self._channel.held

    def _start(self, batches: list[list[Event]]) -> None:
        now = time.monotonic()
        for batch in batches:
            for subscription in self._subscriptions.values():
                expires = now + subscription.time_to_live * self._time_scale
                deliveries = [
                    Delivery(event, subscription, expires)
                    for event in batch
                    if not subscription.event_types or event_type(event) in subscription.event_types
                ]
                if self._courier is None:
                    raise RuntimeError("nothing delivers: the grid's application is not served")
                self._under_way += len(deliveries)
                self._courier(deliveries, self._channel.faults.delay)
        self._changed.notify_all()
