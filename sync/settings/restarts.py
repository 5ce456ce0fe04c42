"""Parses the settings of restarts: each function raises ValueError that says what is wrong."""

import re
from collections.abc import Iterable
from dataclasses import replace

from sync.core.restarts import RestartRules, Window
from sync.settings.ncrontab import is_ncrontab, next_run

_SECONDS = {"m": 60, "h": 3600}
_ANNOTATION = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?"
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_DURATION = re.compile(r"([0-9]{1,4})([mh])", re.ASCII)
_OWNER = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}(?:\.[a-z0-9][a-z0-9.-]{0,252})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_LONGEST_WINDOW = 7 * 24 * 3600
_MOST = 1000
_QUIET = range(1, 11)
_DEADLINE = range(30, 24 * 3600 + 1)


def annotation(text: str) -> str:
    """Check the name of an annotation."""
    if not _ANNOTATION.fullmatch(text):
        raise ValueError("it is the name of an annotation, as reloader.stakater.com/auto")
    return text


def quiet(text: str) -> float:
    """Parse the seconds between the last write and a restart."""
    return _whole(text, _QUIET)


def deadline(text: str) -> float:
    """Parse the seconds in which a restarted workload has to be ready."""
    return _whole(text, _DEADLINE)


def with_concurrency(rules: RestartRules, text: str) -> RestartRules:
    """Parse how many restarts may be under way: in a namespace, and in all of them."""
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) == 2 and all(map(_NUMBER.fullmatch, numbers)):  # noqa: PLR2004 - the two
        one, every = map(int, numbers)
        if 1 <= one <= every <= _MOST:
            return replace(rules, in_namespace=one, in_all=every)
    raise ValueError(
        "it is how many workloads may be restarted at once in a namespace, and how many in all, as "
        f"1,10; at most {_MOST}"
    )


def windows(text: str) -> tuple[Window, ...]:
    """Parse windows, each a schedule and a duration."""
    return tuple(map(_window, filter(None, map(str.strip, text.split(";")))))


def owners(text: str) -> frozenset[str]:
    """Parse the kinds of controllers that leave a changed template as it is."""
    kinds = frozenset(kind.strip() for kind in text.split(",") if kind.strip())
    if not all(map(_OWNER.fullmatch, kinds)):
        raise ValueError("it is a comma-separated list of kinds, each as KIND or KIND.GROUP")
    return kinds


def is_open(given: Iterable[Window], now: float) -> bool:
    """Return whether restarts may begin at a time, in epoch seconds; at any without windows."""
    any_window = False
    for window in given:
        any_window = True
        began = next_run(window.starts, now - window.seconds)
        if began is not None and began <= now:
            return True
    return not any_window


def _window(text: str) -> Window:
    starts, _, duration = text.rpartition(" ")
    found = _DURATION.fullmatch(duration)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not is_ncrontab(starts) or not 0 < seconds <= _LONGEST_WINDOW:
        raise ValueError(
            "it is a list of windows with a semicolon between them, each an NCRONTAB expression of "
            "six fields and a duration in m or h, of a week at most, as 0 0 22 * * * 4h"
        )
    return Window(starts.strip(), seconds)


def _whole(text: str, allowed: range) -> float:
    if _NUMBER.fullmatch(text) and int(text) in allowed:
        return float(text)
    raise ValueError(f"it is a whole number of seconds from {allowed[0]} to {allowed[-1]}")
