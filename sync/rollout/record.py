"""What a workload's annotations remember: the counts of the values that its pods run with."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RECORD_ANNOTATION = "keyvault-sync/restart-state"
"""On the workload alone, so that a new record restarts nothing."""

TEMPLATE_ANNOTATION = "keyvault-sync/restarted-for"
"""On the pod template, whose change restarts the pods."""

LARGEST_RECORD = 64 * 1024
"""Characters. The API server takes 256 KiB of annotations, and others need some too."""

_NAMED = 8  # how many keys the template's annotation names

type Counts = Mapping[str, Mapping[str, int]]
"""By Secret and key, when the value last changed: see `sync.core.changes.Count`."""


@dataclass(frozen=True, slots=True, order=True)
class Changed:
    """A key whose value changed at `at`, in epoch seconds."""

    at: int
    secret: str
    key: str

    def __str__(self) -> str:
        return f"{self.secret}/{self.key}"


@dataclass(frozen=True, slots=True)
class Record:
    """The counts of the keys, and when we last restarted the workload.

    `at` is epoch seconds, 0 if we never did.
    """

    counts: Counts = field(default_factory=dict)
    at: int = 0

    def count(self, secret: str, key: str) -> int | None:
        """Return a key's count; None if it is not known."""
        return self.counts.get(secret, {}).get(key)

    @property
    def text(self) -> str:
        """The annotation's text."""
        counts = {secret: dict(keys) for secret, keys in self.counts.items() if keys}
        return json.dumps({"counts": counts, "at": self.at}, sort_keys=True, separators=(",", ":"))


def parse(text: str | None) -> Record | None:
    """Parse the annotation; None if there is none, or somebody changed it beyond reading."""
    if text is None:
        return None
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"counts": dict(counts), "at": int(at)} if at >= 0 and all(
            map(_is_counted, counts.values())
        ):
            return Record(counts, at)
        case _:
            return None


def _is_counted(keys: object) -> bool:
    return isinstance(keys, dict) and all(
        isinstance(at, int) and not isinstance(at, bool) for at in keys.values()
    )


def restarted_for(changed: Iterable[Changed]) -> str:
    """Return the template's annotation: the newest changes that the restart is for.

    It is made of nothing else, so that two instances that restart a workload for the same changes
    write the same template.
    """
    newest = sorted(changed, reverse=True)
    more = f" and {len(newest) - _NAMED} more" if len(newest) > _NAMED else ""
    return ",".join(f"{each}@{each.at}" for each in newest[:_NAMED]) + more
