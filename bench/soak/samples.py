"""Observes the app from outside: its process, through the kernel's figures, and its log."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak import values

_KIBI = 1024
_LINE = re.compile(r"^\S+ \S+ [A-Z]+ \[[^]]*\] keyvault-sync: (?P<message>.*)$")
_UNCAUGHT = re.compile(r"(?!sync\.core\.errors\.SyncError: )[\w.]*(?:Error|Exception)(?:: |$)")
"""The end of a traceback; the app only raises SyncError itself, never a subclass of it."""

_REASON = re.compile(r"(?:^|: )(?P<reason>[A-Z][a-z]+(?:[A-Z][a-z]+)*|Bug|Conflict): ")
_OVERLAP = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; memory is in bytes, `anonymous` is not backed by files: mainly heap and stacks.

    Private memory would be no measure: it includes libraries' pages while no other Python runs.
    """

    resident: int
    anonymous: int
    descriptors: Mapping[str, int]
    threads: int


def look(pid: int, ports: Mapping[int, str]) -> Sample:
    """Sample a running process; raises OSError if it does not run.

    `ports` name what a socket connects to, or is accepted on.
    """
    root = Path(f"/proc/{pid}")
    rows = (line.split() for line in (root / "smaps_rollup").read_text().splitlines()[1:])
    memory = {name.rstrip(":"): int(kibi) * _KIBI for name, kibi, *_ in rows}
    return Sample(
        resident=memory["Rss"],
        anonymous=memory["Anonymous"],
        descriptors=_descriptors(root, ports),
        threads=sum(1 for _ in (root / "task").iterdir()),
    )


def _descriptors(root: Path, ports: Mapping[int, str]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    sockets = _sockets(root / "net" / "tcp", ports)
    folder = root / "fd"
    for descriptor in os.listdir(folder):  # noqa: PTH208 - names are all that is needed
        try:
            leads_to = (folder / descriptor).readlink().name
        except FileNotFoundError:  # closed since then
            continue
        kind = leads_to.partition(":")[0] if ":" in leads_to else "file"
        counts[sockets.get(leads_to, kind)] += 1
    return counts


def _sockets(table: Path, ports: Mapping[int, str]) -> Mapping[str, str]:
    """Map the machine's TCP sockets on one of the ports to their names, by descriptor link."""
    found: dict[str, str] = {}
    for line in table.read_text().splitlines()[1:]:
        _, local, remote, _, *rest = line.split()
        for end in (remote, local):
            if name := ports.get(int(end.rpartition(":")[2], 16)):
                found[f"socket:[{rest[5]}]"] = name
                break
    return found


@dataclass(slots=True)
class Log:
    """The app's log, read as it grows: counts by reason, and what must not occur."""

    path: Path
    reasons: Counter[str] = field(default_factory=Counter)
    bugs: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    size: int = 0
    _tail: str = ""

    def read(self) -> None:
        """Read the whole lines written since the last call."""
        with self.path.open("rb") as log:
            log.seek(self.size)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.size += len(whole)
        text = whole.decode(errors="replace")
        self.leaks += values.leaks(self._tail + text)
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
