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

_LINE = re.compile(r"^\S+ \S+ (?P<level>[A-Z]+) \[[^]]*\] (?P<logger>\S+): (?P<message>.*)$")
_REASON = re.compile(r"(?:^|: )(?P<reason>[A-Z][a-z]+(?:[A-Z][a-z]+)*|Bug|Conflict): ")
_OVERLAP = 200


@dataclass(slots=True)
class Told:
    """Counts by level and reason, and what must not be there, of all that was read so far."""

    path: Path
    lines: Counter[str] = field(default_factory=Counter)
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
        found = _LINE.match(line)
        if found is None:
            self.lines["not a log line"] += 1
            return
        self.lines[found["logger"]] += 1
        if found["logger"] != "keyvault-sync":
            if found["level"] in {"ERROR", "CRITICAL"}:
                self.lines["errors of others"] += 1
            return
        if reason := _REASON.search(found["message"]):
            self.reasons[reason["reason"]] += 1
        if ": Bug: " in found["message"]:
            self.bugs.append(found["message"])
