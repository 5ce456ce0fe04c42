"""Where the answers come from: a deployed app, or the caller's own rights."""

from collections.abc import Mapping
from typing import Protocol

from sync.cli.documents import Document

type Fields = Mapping[str, str | bool]
"""What is asked for, by the names of the HTTP routes."""


class Source(Protocol):
    """Answers each route with the JSON of the HTTP routes, or with a refusal; never raises."""

    @property
    def login(self) -> str:
        """Say whose rights these are."""
        ...

    def ask(self, route: str, fields: Fields) -> Document:
        """Answer `resync`, `plan`, `status`, `explain`, `doctor` or `version`."""
        ...
