"""Where the app finds API servers and tokens, as values that are cached."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sync.adapters.kubernetes.connection import Endpoint
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization header; renew it at `renew_at`, it expires at `expires_at` (epoch seconds).

    Two tokens are equal if their headers are.
    """

    header: str = field(repr=False)
    renew_at: float = field(compare=False)
    expires_at: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class EndpointSource:
    """Where the address of an API server is found.

    `fetch` returns an equal endpoint while nothing changed; it raises Permanent or Transient.
    `may_move` is true if another fetch may find the address or its certificate authority changed.
    """

    fetch: Callable[[Deadline], Endpoint]
    may_move: bool
