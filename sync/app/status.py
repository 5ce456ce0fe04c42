"""Reports the status of a vault's Secrets from what is stored on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.core.errors import Permanent, SyncError
from sync.reconcile.guards import refuse_foreign, refuse_unmarked
from sync.reconcile.observed import ObservedSecret


class State(StrEnum):
    """The state of a Secret, from the best to the worst."""

    CONVERGED = "converged"
    DRIFTED = "drifted"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class SecretStatus:
    """The status of one Secret; `drifted` are its keys that others changed or removed."""

    secret: ObservedSecret
    state: State
    drifted: frozenset[str]

    @classmethod
    def of(cls, secret: ObservedSecret, *, further: bool = False) -> "SecretStatus":
        """Compare a Secret with our record of it.

        A vault's own Secret is ours unless somebody else claims it. A `further` Secret, which tags
        ask for, must have our state.
        """
        return cls(secret, _state(secret, further=further), secret.drifted)


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """A vault's own Secret and its further ones by name, or why one of them cannot be read."""

    own: SecretStatus
    others: Mapping[str, SecretStatus | SyncError]

    @property
    def state(self) -> State:
        """The worst state of the vault's Secrets."""
        others = (
            State.UNKNOWN if isinstance(other, SyncError) else other.state
            for other in self.others.values()
        )
        return max([self.own.state, *others], key=list(State).index)

    @property
    def error(self) -> SyncError | None:
        """Why a further Secret cannot be read."""
        faults = (other for other in self.others.values() if isinstance(other, SyncError))
        return next(faults, None)


def _state(secret: ObservedSecret, *, further: bool) -> State:
    if secret.actual is None:
        return State.ABSENT
    try:
        if further:
            refuse_unmarked(secret)
        else:
            refuse_foreign(secret.target, secret.actual)
    except Permanent:
        return State.TAKEN
    if secret.state is None or secret.state.newer:
        return State.UNKNOWN
    all_in = not secret.state.refused and not secret.state.unnamed
    return State.CONVERGED if all_in and not secret.drifted else State.DRIFTED
