"""Watches a whole test run: whatever it logs, prints or sends is searched for planted values."""

import logging
import traceback
from collections.abc import Generator

import pytest

from sync.telemetry import quiet_sdks
from tests.leaks.search import leaks

_ROOT = logging.getLogger()


class Watch(logging.Handler):
    """Collects all that any logger of this process says, with its arguments and its traceback.

    That has the requests that the emulators got and all that the app's own processes printed,
    logged and answered, since `local` logs these at DEBUG.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's text, and the fields that a formatter might add."""
        fields = {k: v for k, v in vars(record).items() if k not in {"args", "msg", "exc_info"}}
        self._told += [record.getMessage(), repr(fields)]
        if record.exc_info:
            self._told += traceback.format_exception(record.exc_info[1])

    def taken(self) -> str:
        """Return all that was told since the last time."""
        told, self._told = self._told, []
        return "\n".join(told)


WATCH = Watch()


def pytest_configure() -> None:
    """Listen to every logger, at DEBUG but for those that the app turns off when it starts."""
    quiet_sdks()
    _ROOT.addHandler(WATCH)
    _ROOT.setLevel(logging.DEBUG)


def pytest_unconfigure() -> None:
    """Listen no more."""
    _ROOT.removeHandler(WATCH)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a parameter that holds a value without it."""
    return "planted" if isinstance(val, str) and leaks(val) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names of tests with values in them: names are in every report and cache."""
    told = "\n".join(item.nodeid for item in items)
    if found := leaks(told):
        raise pytest.UsageError(f"planted values are in the names of tests: {found}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail each test, or its fixture, in whose time a planted value was told."""
    report = yield
    told = f"{WATCH.taken()}\n{report.capstdout}\n{report.capstderr}"
    if (found := leaks(told)) and not report.failed:
        report.outcome = "failed"
        report.longrepr = "planted values were told:\n" + "\n".join(found)
    return report
