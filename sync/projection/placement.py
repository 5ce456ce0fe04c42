"""Where a vault secret goes, or why it goes nowhere."""

from dataclasses import dataclass

from sync.projection.tags import SecretType, TagOptions


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a vault secret goes and what becomes of its value.

    `key` is the one key it becomes, None where only its value can tell. `fingerprint` changes with
    everything that may change the keys or their bytes; it is empty for one key of the secret's own
    name.
    """

    secrets: tuple[str, ...]
    type: SecretType | None
    key: str | None
    base: str
    options: TagOptions
    content_type: str
    fingerprint: str
    tagged: bool


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why a vault secret is in no Secret although nothing is wrong with it."""

    reason: str
