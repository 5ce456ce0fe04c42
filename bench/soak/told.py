"""What the app's log tells during a run, read as it grows."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak import shapes

REFUSALS = frozenset(
    {
        "EventTypeIgnored",
        "EventMalformed",
        "EventMismatch",
        "SubscriptionNotAllowed",
        "VaultNameOffPattern",
        "TargetContested",
        "TargetTaken",
    }
)
"""The reasons by which the load's strangers are turned away."""

_LINE = re.compile(r"^\S+ \S+ [A-Z]+ \[[^]]*\] keyvault-sync: (?P<message>.*)$")
_UNCAUGHT = re.compile(r"(?!sync\.errors\.SyncError: )[\w.]*(?:Error|Exception)(?:: |$)")
"""How a traceback ends; what the app means to raise is a SyncError, of that very class."""

_REASON = re.compile(r"(?:^|: )(?P<reason>[A-Z][a-z]+(?:[A-Z][a-z]+)*|Bug|Conflict): ")
_OVERLAP = 200


@dataclass(slots=True)
class Told:
    """Counts by reason, and what must not be there, of all that was read so far."""

    path: Path
    reasons: Counter[str] = field(default_factory=Counter)
    bugs: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    size: int = 0
    _tail: str = ""

    def read(self) -> None:
        """Read what has been written since the last time, up to the last whole line."""
        with self.path.open("rb") as log:
            log.seek(self.size)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.size += len(whole)
        text = whole.decode(errors="replace")
        self.leaks += shapes.leaks(self._tail + text)
        self._tail = text[-_OVERLAP:]
        for line in text.splitlines():
            self._note(line)

    def _note(self, line: str) -> None:
        if _UNCAUGHT.match(line):
            self.bugs.append(line)
        if found := _LINE.match(line):
            if ": Bug: " in found["message"]:
                self.bugs.append(found["message"])
            if reason := _REASON.search(found["message"]):
                self.reasons[reason["reason"]] += 1
