"""What a vault answered to one request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `token_sent` says whether a token went out for it.

    `seconds` is how long the call took, with all its tries.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    token_sent: bool = True
    seconds: float = 0.0

    @property
    def json(self) -> object:
        """The body's JSON, None for what is none."""
        try:
            found: object = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found
