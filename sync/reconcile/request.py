"""The request and the result of a reconcile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.core.changes import Change, SyncedSecret
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Application, Hint, ListedSecret, SecretName, Target
from sync.core.outcomes import LeftOut, Notice
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_NAMED = 3  # how many secrets a message names


type Listing = Callable[[Deadline], Sequence[ListedSecret]]
"""Lists a vault within the deadline, or raises Permanent or Transient."""


def _uncontested(_target: Target, _deadline: Deadline) -> bool:
    return False


def _as_listed(
    application: Application, _held: frozenset[SecretName], _deadline: Deadline
) -> Application:
    return application


def _not_noted(_target: Target, _deadline: Deadline) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What to reconcile: the whole vault, or only the hinted secrets if the rest is already synced.

    `removals` allows many keys to be removed at once, `refetch` reads every value again, and
    `takeover` takes a Secret that somebody else created or manages. Only `takeover_from`, with its
    name, takes another vault's Secret; the caller has checked that the vault is gone. `contested`
    returns whether another known vault leads to the target: then the target is neither created nor
    taken over. It is called only before one of these, and raises if it cannot tell. `listing` lists
    the vault at the first read, in place of a listing of its own. `late` adds hints that arrived
    since this work began, and returns all hints.

    For the Secret of an application, `confirm` reads the object again before anything of the
    vault secrets that the Secret holds is removed; it raises Permanent or Transient if it cannot
    tell. `remember` notes the Secret on the vault's own one, before it is created, and whenever
    that is not known to be `remembered`.
    """

    target: Target
    hints: tuple[Hint, ...] = ()
    whole: bool = True
    removals: bool = False
    takeover: bool = False
    takeover_from: str | None = None
    refetch: bool = False
    dry_run: bool = False
    contested: Callable[[Target, Deadline], bool] = field(
        default=_uncontested, compare=False, repr=False
    )
    listing: Listing | None = field(default=None, compare=False, repr=False)
    late: Callable[[], Sequence[Hint]] = field(default=tuple, compare=False, repr=False)
    confirm: Callable[[Application, frozenset[SecretName], Deadline], Application] = field(
        default=_as_listed, compare=False, repr=False
    )
    remember: Callable[[Target, Deadline], None] = field(
        default=_not_noted, compare=False, repr=False
    )
    remembered: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What was written (or would be), and why some vault secrets could not be synced.

    `left_out` are in a dry run the secrets that belong in no Secret. `secrets` are the Secrets that
    were visited, the own one first; they are told only where changes are counted. `applications`
    are those whose Secrets the own Secret remembers, as `kind/name` by Secret.
    """

    changes: tuple[Change, ...]
    keys: int
    expired: tuple[str, ...]
    refused: Mapping[SecretName, SyncError]
    warnings: tuple[Notice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    secrets: tuple[SyncedSecret, ...] = field(default=(), compare=False, repr=False)
    applications: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


def first_cause(refused: Mapping[SecretName, SyncError]) -> SyncError:
    """Summarize why secrets are missing: Transient if any of the causes may pass.

    Prefers any other cause to DEADLINE_EXCEEDED: it says what used up the time.
    """
    causes = [refused[name] for name in sorted(refused)]
    cause = min(
        causes,
        key=lambda each: (
            not isinstance(each, Transient),
            each.reason is Reason.DEADLINE_EXCEEDED,
        ),
    )
    if all(each is cause for each in causes):
        return cause
    names = ", ".join(sorted(refused)[:_NAMED]) + (", …" if len(causes) > _NAMED else "")
    message = f"{len(causes)} secrets ({names}) could not be synced: {cause.message}"
    if isinstance(cause, Transient):
        return Transient(cause.reason, message, cause.retry_after)
    return Permanent(cause.reason, message)
