"""What comes of an event, or of one target in a pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.core.changes import Change, SyncedSecret
from sync.core.errors import SyncError
from sync.core.model import SecretName, Target
from sync.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Notice:
    """What should be known of a vault secret that is written all the same.

    `reason` is of the group of warnings. `source` is the vault secret, empty for a whole Secret.
    """

    reason: Reason
    message: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A vault secret that is to be in no Secret, and why, in a few words for people."""

    secret: SecretName
    why: str


@dataclass(frozen=True, slots=True)
class Converged:
    """The Secret matches the vault; `changes` were needed (in a dry run, would be needed).

    A dry run tells in `left_out` what is not among the changes. `secrets` are all that were
    visited, the own one first, where changes are counted. `applications` are those whose Secrets
    the own Secret remembers, as `kind/name` by Secret; None if that is not known.
    """

    target: Target
    changes: tuple[Change, ...] = ()
    keys: int = 0
    expired: tuple[str, ...] = ()
    dry_run: bool = False
    warnings: tuple[Notice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    secrets: tuple[SyncedSecret, ...] = field(default=(), compare=False, repr=False)
    applications: Mapping[str, str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The Secret may differ from the vault; `changes` were written nevertheless.

    `refused` are the vault secrets that could not be brought over, each with its own error;
    `error` sums them up. It is empty if the vault failed as a whole. `left_out`, `secrets` and
    `applications` are as above.
    """

    vault: str
    error: SyncError
    target: Target | None = None
    changes: tuple[Change, ...] = ()
    refused: Mapping[SecretName, SyncError] = field(default_factory=dict, hash=False)
    warnings: tuple[Notice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    secrets: tuple[SyncedSecret, ...] = field(default=(), compare=False, repr=False)
    applications: Mapping[str, str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing was read, since it does not concern this app."""

    subject: str
    error: SyncError


type Outcome = Converged | Failed | Ignored
