"""Waits for what comes by itself, on a machine that may be busy."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0
"""For what should take a second: a busy machine is slow, and only what never comes fails.

An event that failed five times rests for 36 s (`local.stack` has Event Grid's times shortened).
"""


def wait_until(true: Callable[[], bool]) -> None:
    """Poll until that is so; fails after a deadline."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, "this never came to be"
        time.sleep(0.02)
