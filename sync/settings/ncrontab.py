"""NCRONTAB expressions, as the timer's binding takes them: whether one is valid, when it is due.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,2}", re.ASCII)
_SHORTEST_NAME = 3
_DAYS_AHEAD = 366 * 8
"""The longest wait for a day that exists: 29 February, across a year 2100."""


@dataclass(frozen=True, slots=True)
class _Field:
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Return the values that a field allows; raises ValueError if it is none."""
        return frozenset(value for item in text.split(",") for value in self._item(item))

    def _item(self, item: str) -> range:
        found = _ITEM.fullmatch(item)
        step = 1 if found is None or found["step"] is None else int(found["step"])
        if found is None or step == 0:
            raise ValueError(item)
        if found["first"] is None:
            return range(self.lowest, self.highest + 1, step)
        first = self._value(found["first"])
        if found["last"] is not None:
            last = self._value(found["last"])
            return range(min(first, last), max(first, last) + 1, step)
        return range(first, (self.highest if found["step"] else first) + 1, step)

    def _value(self, text: str) -> int:
        if _NUMBER.fullmatch(text):
            if self.lowest <= int(text) <= self.highest:
                return int(text)
            raise ValueError(text)
        name = text.lower()
        for number, full in enumerate(self.names, start=self.lowest):
            if len(name) >= _SHORTEST_NAME and full.startswith(name):
                return number
        raise ValueError(text)


_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (
    _Field(0, 59),
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, _MONTHS),
    _Field(0, 6, _DAYS),
)
"""Second, minute, hour, day, month and day of the week."""


def is_ncrontab(text: str) -> bool:
    """Return whether each of the six fields has allowed values."""
    try:
        _parsed(text)
    except ValueError:
        return False
    return True


def next_run(text: str, after: float) -> float | None:
    """Return when the timer runs next after a moment, both in epoch seconds; None if it never does.

    The expression is in UTC: the deployed app refuses `WEBSITE_TIME_ZONE`. It has to be valid.
    """
    seconds, minutes, hours, days, months, weekdays = _parsed(text)
    start = datetime.fromtimestamp(int(after) + 1, UTC)
    midnight = start.replace(hour=0, minute=0, second=0)
    for ahead in range(_DAYS_AHEAD):
        day = midnight + timedelta(days=ahead)
        if day.day not in days or day.month not in months:
            continue
        if day.isoweekday() % 7 not in weekdays:
            continue
        for moment in _moments(day, sorted(hours), sorted(minutes), sorted(seconds)):
            if moment >= start:
                return moment.timestamp()
    return None


def _moments(
    day: datetime, hours: list[int], minutes: list[int], seconds: list[int]
) -> Iterator[datetime]:
    return (
        day.replace(hour=hour, minute=minute, second=second)
        for hour in hours
        for minute in minutes
        for second in seconds
    )


def _parsed(text: str) -> list[frozenset[int]]:
    fields = [field for field in text.split(" ") if field]  # the host takes no other blank
    if len(fields) != len(_FIELDS):
        raise ValueError(text)
    return [field.values(each) for field, each in zip(_FIELDS, fields, strict=True)]
