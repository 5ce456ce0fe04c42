"""What the kernel tells of a process from outside: memory, descriptors and threads."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KIBI = 1024
_MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look; memory is in bytes, `private` what no other process shares."""

    resident: int
    private: int
    descriptors: Mapping[str, int]
    threads: int


def look(pid: int) -> Sample:
    """Look at a process that runs; raises OSError for one that does not."""
    root = Path(f"/proc/{pid}")
    memory = _fields(root / "smaps_rollup")
    return Sample(
        resident=memory["Rss"],
        private=memory["Private_Clean"] + memory["Private_Dirty"],
        descriptors=_descriptors(root / "fd"),
        threads=sum(1 for _ in (root / "task").iterdir()),
    )


def _fields(path: Path) -> Mapping[str, int]:
    rows = (line.split() for line in path.read_text().splitlines()[1:])
    return {name.rstrip(":"): int(kibi) * _KIBI for name, kibi, *_ in rows}


def _descriptors(folder: Path) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for descriptor in os.listdir(folder):  # noqa: PTH208 - names are all that is needed
        try:
            leads_to = (folder / descriptor).readlink().name
        except FileNotFoundError:  # closed since
            continue
        kind = leads_to.partition(":")[0]
        counts[kind if kind in {"socket", "pipe", "anon_inode"} else "file"] += 1
    return counts
