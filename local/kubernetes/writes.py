"""One write: who sends it and how, and what it made of an object."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from local.kubernetes.objects import unknown_fields
from local.kubernetes.status import ApiError
from local.kubernetes.store import Stored


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and how; a write without a user is not subject to authorization."""

    manager: str = "local"
    user: str | None = None
    dry_run: bool = False
    force: bool = False
    field_validation: Literal["Ignore", "Warn", "Strict"] = "Warn"
    repeated: tuple[str, ...] = ()
    """What is to be said of fields that the request names twice."""

    @contextmanager
    def told(self, unknown: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Give what the write's answer warns of, be it a refusal."""
        warnings: tuple[str, ...] = ()
        if self.field_validation == "Warn":
            warnings = (*self.repeated, *unknown_fields(unknown))
        try:
            yield warnings
        except ApiError as error:
            error.warnings = warnings
            raise


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made of an object."""

    stored: Stored
    created: bool = False
    warnings: tuple[str, ...] = ()
