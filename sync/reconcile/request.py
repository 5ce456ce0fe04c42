"""What a reconcile is asked for, and what it comes to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Change, Hint, SecretName, Target
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_NAMED = 3  # how many secrets a message names


def _uncontested(_target: Target, _deadline: Deadline) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What to reconcile: the whole vault, or the hinted secrets where the rest is known to be in.

    `removals` lets many keys go at once, `refetch` reads every value anew, and `takeover` takes a
    Secret that somebody else made or manages. Another vault's Secret is taken by its name alone,
    `takeover_from`, which the caller has found gone. `contested` tells whether another known vault
    leads to the target: then it is neither created nor taken over. It is asked only where that
    would be done, and raises where it cannot tell. `late` takes in and returns the hints that have
    come since this work began, all of them.
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
    late: Callable[[], Sequence[Hint]] = field(default=tuple, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What was written (or would be), and why some vault secrets could not be brought over."""

    changes: tuple[Change, ...]
    keys: int
    expired: tuple[str, ...]
    refused: Mapping[SecretName, SyncError]
    warnings: tuple[str, ...] = ()


def first_cause(refused: Mapping[SecretName, SyncError]) -> SyncError:
    """Sum up why secrets are missing: Transient if any of it may pass.

    What took the time away says more than that none was left.
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
    message = f"{len(causes)} secrets ({names}) could not be brought over: {cause.message}"
    if isinstance(cause, Transient):
        return Transient(cause.reason, message, cause.retry_after)
    return Permanent(cause.reason, message)
