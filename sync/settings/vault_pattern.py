"""Parses the pattern of vault names, and refuses one whose matching could take too long."""

import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import accumulate
from typing import Protocol, runtime_checkable

from sync.core.vault_names import PARTS

_LONGEST_NAME = 24
_MOST_STEPS = 1_000_000
"""The maximum steps for one name: some milliseconds, during which the process does nothing else."""

type _Item = tuple[object, object]


@runtime_checkable
class _Parsed(Protocol):
    """A part of a pattern as parsed by `re`: operations with their arguments."""

    data: list[_Item]


_PARSE: Callable[[str, int], _Parsed] = import_module("re._parser").parse


def vault_pattern(text: str) -> re.Pattern[str]:
    """Compile the pattern; raises ValueError that says what is wrong but does not quote it."""
    try:
        pattern = re.compile(text, re.IGNORECASE | re.ASCII)
    except re.error as fault:
        what, _, _ = fault.msg.partition(" '")  # the rest of the message quotes the pattern
        raise ValueError(f"it is not a regular expression ({what} at {fault.pos})") from None
    except (OverflowError, RecursionError):
        raise ValueError("it is not a regular expression that can be compiled") from None
    if missing := PARTS - pattern.groupindex.keys():
        raise ValueError(f"it lacks the named groups {', '.join(sorted(missing))}, as (?P<name>…)")
    if not _Steps().within_bounds(_PARSE(text, pattern.flags)):
        raise ValueError(
            "it can match a name in too many ways, so that matching could take too long: nest "
            "no repetition or choice in a repetition, and use fewer of both"
        )
    return pattern


class _TooManyError(Exception):
    """A name may take too many steps."""


class _Steps:
    """Counts the maximum steps that `re` takes for a name, from the ways to each place in it.

    The count assumes that every character matches everywhere, so it is an upper bound. `ways` has
    the number of ways to reach each place of the name before an item; an item turns it into the
    number of ways after it.
    """

    def __init__(self) -> None:
        self._taken = 0

    def within_bounds(self, parsed: _Parsed) -> bool:
        """Return whether the whole pattern stays within the maximum number of steps."""
        try:
            self._sequence(parsed.data, [1, *[0] * _LONGEST_NAME])
        except _TooManyError:
            return False
        return True

    def _sequence(self, items: Iterable[_Item], ways: Sequence[int]) -> Sequence[int]:
        for operation, argument in items:
            ways = self._item(str(operation), argument, ways)
            self._taken += 1 + sum(ways)
            if self._taken > _MOST_STEPS:
                raise _TooManyError
        return ways

    def _item(self, operation: str, argument: object, ways: Sequence[int]) -> Sequence[int]:
        after = ways
        match operation, argument:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN", _:
                after = [0, *ways[:-1]]
            case ("SUBPATTERN", (_, _, _, _Parsed(data=inner))) | (
                "ATOMIC_GROUP",
                _Parsed(data=inner),
            ):
                after = self._sequence(inner, ways)
            case "BRANCH", (_, list(branches)):
                after = _sum(self._sequence(branch.data, ways) for branch in branches)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT", (
                int(least),
                most,
                _Parsed(data=inner),
            ):
                after = self._repeat(least, most, inner, ways)
            case "ASSERT" | "ASSERT_NOT", (_, _Parsed(data=inner)):
                self._sequence(inner, ways)
            case "GROUPREF", _:
                after = list(accumulate(ways))  # of any length
            case "AT", _:
                pass
            case _:
                raise _TooManyError  # something no vault's name needs, such as (?(1)a|b)
        return after

    def _repeat(
        self, least: int, most: object, inner: Iterable[_Item], ways: Sequence[int]
    ) -> Sequence[int]:
        after = [ways] if least == 0 else []
        for times in range(1, _LONGEST_NAME + 2):
            if not any(ways) or (isinstance(most, int) and times > most):
                break
            ways = self._sequence(inner, ways)
            if times >= least:
                after.append(ways)
        return _sum(after)


def _sum(several: Iterable[Sequence[int]]) -> Sequence[int]:
    return [sum(each) for each in zip([0] * (_LONGEST_NAME + 1), *several, strict=True)]
