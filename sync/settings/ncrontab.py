"""Checks whether a text is an NCRONTAB expression that the timer's binding accepts.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

import re
from dataclasses import dataclass

_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,2}", re.ASCII)
_SHORTEST_NAME = 3


@dataclass(frozen=True, slots=True)
class _Field:
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def holds(self, text: str) -> bool:
        return all(map(self._is_item, text.split(",")))

    def _is_item(self, item: str) -> bool:
        found = _ITEM.fullmatch(item)
        if found is None or (found["step"] is not None and int(found["step"]) == 0):
            return False
        return all(self._is_value(each) for each in (found["first"], found["last"]) if each)

    def _is_value(self, text: str) -> bool:
        if _NUMBER.fullmatch(text):
            return self.lowest <= int(text) <= self.highest
        name = text.lower()
        return len(name) >= _SHORTEST_NAME and any(full.startswith(name) for full in self.names)


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
    fields = text.split()
    return len(fields) == len(_FIELDS) and all(
        field.holds(each) for field, each in zip(_FIELDS, fields, strict=True)
    )
