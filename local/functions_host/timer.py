"""Timer triggers: when they are due, without overlapping runs."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # no types
    Datum,
)
from croniter import croniter  # type: ignore[import-untyped]  # it ships no types

from local.functions_host.triggers import Function, TimerTrigger
from local.functions_host.worker import InvocationFailedError, Worker

_log = logging.getLogger("host")
_SETTING = re.compile(r"%([^%]+)%")
_INTERVAL = re.compile(r"([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)")
_FIELDS = 6

type Schedule = Callable[[datetime], datetime]
"""Returns the first occurrence after a time, both in UTC, the zone of the real host."""


def read_schedule(text: str, settings: Mapping[str, str]) -> Schedule:
    """Parse six-field NCRONTAB or `hh:mm:ss`; raises ValueError for anything else.

    A text in per cent signs is the name of the setting that contains the schedule.
    """

    def setting(found: re.Match[str]) -> str:
        if found[1] not in settings:
            raise ValueError(f"the schedule names the setting {found[1]}, which is not set")
        return settings[found[1]]

    resolved = _SETTING.sub(setting, text).strip(" ")
    if interval := _INTERVAL.fullmatch(resolved):
        hours, minutes, seconds = map(int, interval.groups())
        step = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if not step:
            raise ValueError("an interval of 00:00:00 never ends")
        return lambda after: after + step
    if len([field for field in resolved.split(" ") if field]) != _FIELDS or not croniter.is_valid(
        resolved, second_at_beginning=True
    ):
        raise ValueError(f"not six-field NCRONTAB nor hh:mm:ss: {resolved!r}")
    return lambda after: _next(resolved, after)


def _next(expression: str, after: datetime) -> datetime:
    moments = croniter(
        expression,
        after,
        ret_type=datetime,
        second_at_beginning=True,
        day_or=False,  # NCRONTAB wants both the day and the weekday to match
    )
    due: datetime = moments.get_next()
    return due


class Timer:
    """One timer function; its runs, scheduled or requested, never overlap."""

    def __init__(
        self,
        worker: Worker,
        function: Function,
        trigger: TimerTrigger,
        settings: Mapping[str, str],
    ) -> None:
        self._worker = worker
        self._function = function
        self._run_on_startup = trigger.run_on_startup
        self._schedule = read_schedule(trigger.schedule, settings)
        self._last: datetime | None = None
        self._turn = asyncio.Lock()

    async def keep(self) -> None:
        """Run the function whenever it is due; skips times that pass during a run."""
        if self._run_on_startup:
            await self._fire_and_go_on()
        due = datetime.now(UTC)
        while True:
            due = self._schedule(max(due, datetime.now(UTC)))
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            await self._fire_and_go_on()

    async def fire(self) -> None:
        """Run the function now, after its present run; raises what the invocation raises."""
        async with self._turn:
            now = datetime.now(UTC)
            last, self._last = self._last, now
            await self._worker.invoke(self._function, self._payload(last, now))

    async def _fire_and_go_on(self) -> None:
        try:
            await self.fire()
        except InvocationFailedError:
            _log.warning("timer %s failed and waits for its next moment", self._function.name)

    def _payload(self, last: datetime | None, now: datetime) -> Datum:
        never = datetime.min.replace(tzinfo=UTC)
        status = {
            "Last": (last or never).isoformat(),
            "Next": self._schedule(now).isoformat(),
            "LastUpdated": (last or never).isoformat(),
        }
        return Datum(
            json.dumps(
                {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}
            ),
            "json",
        )
