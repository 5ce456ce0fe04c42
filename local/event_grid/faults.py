"""Faults of an at-least-once channel, injected on demand."""

import random
from dataclasses import dataclass

from local.event_grid.schema import Event


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of each event from now on.

    `delay` is in seconds. `reorder` events are held, then delivered in reverse order. `drop_next`
    events are lost, and others with probability `drop`.
    """

    double: bool = False
    delay: float = 0.0
    reorder: int = 1
    drop_next: int = 0
    drop: float = 0.0


class FaultyChannel:
    """Turns incoming events into outgoing batches; not thread-safe.

    The events of a batch go out one after the other, the batches concurrently.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._to_drop = faults.drop_next
        self._held: list[Event] = []

    @property
    def held(self) -> int:
        """How many events are held until later ones overtake them."""
        return len(self._held)

    def take(self, event: Event) -> list[list[Event]] | None:
        """Return the batches to deliver now; None if the event is lost."""
        if self._loses():
            return None
        copies = [event] * (2 if self.faults.double else 1)
        if self.faults.reorder <= 1:
            return [[copy] for copy in copies]
        self._held += copies
        return self.release() if self.held >= self.faults.reorder else []

    def release(self) -> list[list[Event]]:
        """Release the held events, in reverse order."""
        released, self._held = self._held[::-1], []
        return [released] if released else []

    def _loses(self) -> bool:
        if self._to_drop:
            self._to_drop -= 1
            return True
        return random.random() < self.faults.drop  # noqa: S311 - chaos, not cryptography
