"""What the kernel tells of a process from outside: memory, descriptors and threads."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KIBI = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One look; memory is in bytes, `anonymous` that of no file: heap and stacks above all.

    What no other process shares would be no measure: pages of libraries are in it as long as no
    other Python runs.
    """

    resident: int
    anonymous: int
    descriptors: Mapping[str, int]
    threads: int


def look(pid: int, ports: Mapping[int, str]) -> Sample:
    """Look at a process that runs; raises OSError for one that does not.

    `ports` name what a socket leads to, or comes in by.
    """
    root = Path(f"/proc/{pid}")
    memory = _fields(root / "smaps_rollup")
    return Sample(
        resident=memory["Rss"],
        anonymous=memory["Anonymous"],
        descriptors=_descriptors(root, ports),
        threads=sum(1 for _ in (root / "task").iterdir()),
    )


def _fields(path: Path) -> Mapping[str, int]:
    rows = (line.split() for line in path.read_text().splitlines()[1:])
    return {name.rstrip(":"): int(kibi) * _KIBI for name, kibi, *_ in rows}


def _descriptors(root: Path, ports: Mapping[int, str]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    sockets = _sockets(root / "net" / "tcp", ports)
    folder = root / "fd"
    for descriptor in os.listdir(folder):  # noqa: PTH208 - names are all that is needed
        try:
            leads_to = (folder / descriptor).readlink().name
        except FileNotFoundError:  # closed since
            continue
        kind = leads_to.partition(":")[0] if ":" in leads_to else "file"
        counts[sockets.get(leads_to, kind)] += 1
    return counts


def _sockets(table: Path, ports: Mapping[int, str]) -> Mapping[str, str]:
    """Name the machine's TCP sockets that lead to one of the ports, by how a descriptor shows."""
    found: dict[str, str] = {}
    for line in table.read_text().splitlines()[1:]:
        _, local, remote, _, *rest = line.split()
        for end in (remote, local):
            if name := ports.get(int(end.rpartition(":")[2], 16)):
                found[f"socket:[{rest[5]}]"] = name
                break
    return found
