"""The corpus: which of the inputs that fuzzing found are worth keeping."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType

from tests.fuzz.target import Target, check

_LONGEST = 4096

type _Line = tuple[str, int]


def keep(target: Target, sources: Iterable[Path]) -> None:
    """Add to the corpus, the smallest first, what reaches lines that nothing kept does."""
    reached = set[_Line]()
    for seed in (*target.seeds, *(path.read_bytes() for path in target.corpus.iterdir())):
        reached |= _lines(target, seed)
    for source in sorted(sources, key=lambda path: path.stat().st_size):
        given = source.read_bytes()
        places = _lines(target, given) if len(given) <= _LONGEST else set()
        if not places <= reached:
            reached |= places
            (target.corpus / hashlib.sha1(given).hexdigest()).write_bytes(given)  # noqa: S324 - a name


def _lines(target: Target, given: bytes) -> set[_Line]:
    """Return the lines of the app that an input runs."""
    reached = set[_Line]()

    def line(code: CodeType, number: int) -> object:
        if "/sync/" not in code.co_filename:
            return sys.monitoring.DISABLE
        reached.add((code.co_filename, number))
        return None

    tool = sys.monitoring.COVERAGE_ID
    sys.monitoring.use_tool_id(tool, "corpus")
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, line)
    sys.monitoring.set_events(tool, sys.monitoring.events.LINE)
    try:
        check(target, given)
    finally:
        sys.monitoring.set_events(tool, sys.monitoring.events.NO_EVENTS)
        sys.monitoring.free_tool_id(tool)
    return reached
