"""The exit codes of the commands."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; if several apply, FAILED wins."""

    IN_STEP = 0
    FAILED = 1
    OUT_OF_STEP = 2
    INTERRUPTED = 130
