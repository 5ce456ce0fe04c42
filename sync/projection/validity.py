"""The platform's decisions about versions that are not valid yet, or not any more."""

from dataclasses import dataclass
from enum import StrEnum


class NotBefore(StrEnum):
    """What becomes of a version whose `nbf` lies ahead: it waits until then, or is used at once."""

    WAIT = "wait"
    IGNORE = "ignore"


class Expired(StrEnum):
    """What becomes of the keys of a version whose `exp` has passed."""

    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Validity:
    """Which versions may be used; all times are epoch seconds, None if a version has no limit."""

    not_before: NotBefore = NotBefore.WAIT
    expired: Expired = Expired.KEEP

    @property
    def removes_expired(self) -> bool:
        """Whether the keys of an expired version go."""
        return self.expired is Expired.REMOVE

    def is_ahead(self, not_before: int | None, now: float) -> bool:
        """Return whether a version has to wait."""
        return self.not_before is NotBefore.WAIT and not_before is not None and not_before > now

    def is_over(self, expires: int | None, now: float) -> bool:
        """Return whether a version's keys have to go."""
        return self.removes_expired and expires is not None and expires <= now


USUAL = Validity()
"""Versions wait until they are valid, and expired ones keep their keys."""
