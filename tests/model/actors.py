"""Who is at work: instances of the app with what befalls their calls, and everybody else."""

from dataclasses import dataclass, field
from enum import Enum


class Fate(Enum):
    """What befalls one remote call of an instance."""

    KILL = "the instance dies before the request is sent"
    KILL_AFTER = "the request is carried out and the instance dies"
    LOSE = "the request is carried out and the answer is lost"
    RESET = "the connection breaks before the request arrives"
    THROTTLE = "429"
    FAIL = "500"
    LAG = "a replica answers that has not heard of the newest versions of the last minute"


class Killed(BaseException):
    """An instance ends between two calls: no code of its own runs any more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A Secret as an instance read it: its resourceVersion, None for none, and when."""

    version: str | None
    moment: int


@dataclass(slots=True)
class Actor:
    """An instance at work on one thing; `fates` befall its calls by their numbers from 0."""

    fates: dict[int, Fate] = field(default_factory=dict)
    removals: bool = False
    takeover: bool = False
    dry_run: bool = False
    calls: int = 0
    seen: dict[str, Seen] = field(default_factory=dict)
    """Secrets by path."""
    fetched: dict[tuple[str, str], int] = field(default_factory=dict)
    """When each vault secret, by vault and lower-case name, was last fetched."""

    def next_fate(self) -> Fate | None:
        """Count a call and return what befalls it."""
        self.calls += 1
        return self.fates.get(self.calls - 1)
