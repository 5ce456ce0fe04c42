"""A value as people paste it, what becomes of it, and a table of such values."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.core.reasons import Reason


def b64(text: str | bytes) -> str:
    """Encode a text."""
    return b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@dataclass(frozen=True, slots=True)
class Pasted:
    """A value as people have it, and what becomes of it.

    `what` describes it in Markdown. If it is refused or written with a warning, `reason` is why,
    and `told` a part of the message. `data` is what arrives, by key.
    """

    what: str
    value: str
    tags: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)
    reason: Reason | None = None
    told: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    """What the page says instead of the data."""

    def __str__(self) -> str:
        return self.what


def table(rows: Sequence[Pasted]) -> str:
    """Return a row for each value, as docs/secrets.md has it."""
    lines = "".join(f"| {each.what} | {_asked(each)} | {_fate(each)} |\n" for each in rows)
    return f"| you paste | tags and settings | what arrives |\n|---|---|---|\n{lines}"


def _asked(row: Pasted) -> str:
    tags = [f"`{tag}: {word}`" for tag, word in row.tags.items()]
    return ", ".join([*tags, *(f"`{name}={word}`" for name, word in row.settings.items())])


def _fate(row: Pasted) -> str:
    why = f"[{row.reason}](outcomes.md#{row.reason.lower()}): {row.told}" if row.reason else ""
    if not row.data:
        return f"*refused*, {why}"
    keys = ", ".join(f"`{key}` = `{value}`" for key, value in row.data.items())
    return (row.shown or keys) + (f"; *warning*, {why}" if why else "")
