"""Where a vault secret goes, or why it goes nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.core.outcomes import Notice
from sync.projection.tags import SecretType, TagOptions


@dataclass(frozen=True, slots=True)
class Naming:
    """How the variables of one vault secret are named: their prefix, and which are allowed."""

    prefix: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a vault secret goes and what becomes of its value.

    `secrets` are names of Secrets. `key` is the only key; None if the keys depend on the value.
    `base` is the secret's name without a stage prefix that the rules strip. `fingerprint` changes
    with everything that may change the keys or their bytes; it is empty for a single key with the
    secret's own name. `variables` are how an application gets it, None for all other Secrets.
    """

    secrets: tuple[str, ...]
    type: SecretType | None
    key: str | None
    base: str
    options: TagOptions
    content_type: str
    fingerprint: str
    tagged: bool
    variables: Naming | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The keys and bytes that a value becomes, and what should be known of them."""

    values: Mapping[str, bytes] = field(repr=False)
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why a vault secret is left out, and until when in epoch seconds, if that is known."""

    reason: str
    until: int | None = None
