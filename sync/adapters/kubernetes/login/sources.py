"""What a way to a cluster is made of: where its API server is found, and where tokens come from."""

from dataclasses import dataclass, field
from typing import Protocol

from sync.adapters.kubernetes.connection import Endpoint
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class Token:
    """An Authorization header: when to renew it, and when it expires, in epoch seconds."""

    header: str = field(repr=False)
    renew_at: float = field(compare=False)
    expires_at: float = field(compare=False)


class EndpointSource(Protocol):
    """Where the address of an API server is found."""

    @property
    def may_move(self) -> bool:
        """True if another fetch may find the cluster, or its authority, changed."""
        ...

    def fetch(self, deadline: Deadline) -> Endpoint:
        """Return the endpoint, an equal one while nothing changed; raises Permanent, Transient."""
        ...


class TokenSource(Protocol):
    """Where tokens for clusters come from; `remedy` says what to do if they are refused."""

    @property
    def remedy(self) -> str: ...  # noqa: D102 - see the class

    def fetch(self, deadline: Deadline) -> Token:
        """Return the token of the moment; raises Permanent or Transient."""
        ...

    def reset(self) -> None:
        """Forget what is cached below: the cluster has refused it."""
        ...
