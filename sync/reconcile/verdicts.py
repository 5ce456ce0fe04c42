"""Turns what the gets of a reading returned into verdicts."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Hint, ListedSecret, SecretName, Unserved, VaultName, moment
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.state import Refusal
from sync.projection.placement import Excluded, Placement
from sync.reconcile.observed import ObservedVault
from sync.reconcile.secret_reader import SecretReader, not_served_yet
from sync.reconcile.stand_ins import DISABLED
from sync.reconcile.survey import Fetched, Refused, Unchanged, Verdict

MISSING = Excluded("the vault no longer has it")

type Got = Fetched | Excluded | Refused | Unserved | SyncError


@dataclass(frozen=True, slots=True)
class Reading:
    """The common inputs of one survey's gets; `listed` is empty if no listing was read."""

    observed: ObservedVault
    listed: Mapping[SecretName, ListedSecret]
    deadline: Deadline
    fetchers: Executor
    reader: SecretReader

    @property
    def vault(self) -> VaultName:
        """The vault that is read."""
        return self.observed.target.vault

    def spelled(self, name: SecretName) -> SecretName:
        """Return a name in the listing's spelling, or in ours."""
        listed = self.listed.get(name)
        return listed.name if listed else self.observed.spelling.get(name, name)


TO_CONFIRM = (DISABLED, MISSING)
"""Verdicts that a listing may get wrong, since it lags or is partial: a get must confirm them."""


def judged(
    reading: Reading,
    name: SecretName,
    placement: Placement | None,
    before: Verdict | None,
    got: Got,
) -> Verdict | None:
    """Return the verdict after a get; `placement` and `before` come from the listing, if any.

    None means that the secret is neither in the vault nor in our records.
    """
    observed, listed = reading.observed, reading.listed.get(name)
    if isinstance(got, Fetched):
        if not set(got.placement.secrets) <= observed.visited:
            got = Transient(
                Reason.TAGS_CHANGED,
                f"The tags of secret {name!r} changed while it was read.",
            )
        elif closed := closed_places(observed, got.placement):
            return Refused(closed, got.placement, got.record.updated)
    elif isinstance(got, Unserved):
        if placement is not None or isinstance(before, Unchanged):
            got = not_served_yet(name)
        elif before is not None:
            return DISABLED if got is Unserved.DISABLED else MISSING
        else:
            return None
    if isinstance(got, SyncError):
        return Refused(got, placement, listed.updated if listed else None)
    return got


def again(name: SecretName, before: Refusal, placement: Placement | None) -> Refused:
    """Return the verdict on a secret that was refused before and has not changed since."""
    error = Permanent(
        before.reason,
        f"Secret {name!r} is refused since {moment(before.since)} and has not changed since. "
        f"{before.reason.meaning} A resync with refetch reads it again.",
    )
    return Refused(error, placement, before.updated, before.version, before)


def awaited(
    reading: Reading, verdicts: Mapping[SecretName, Verdict]
) -> Mapping[SecretName, Refused]:
    """Refuse what an application lists and the vault does not serve, unless its keys are to go."""
    application = reading.observed.target.application
    found: dict[SecretName, Refused] = {}
    for name in application.secrets if application else ():
        verdict, listed = verdicts.get(name), reading.listed.get(name)
        unserved = verdict is None or verdict in TO_CONFIRM
        if name in reading.observed.records or not unserved:
            continue
        if listed is None:
            reason = Reason.LISTED_SECRET_MISSING
            message = f"Vault {reading.vault} has no secret {name!r}, which application "
            message += f"{application} lists: set it, or take it off the list."
        elif not listed.enabled:
            reason = Reason.LISTED_SECRET_DISABLED
            message = f"Secret {name!r} of vault {reading.vault} is disabled: application "
            message += f"{application} waits for its value. Set a new version of it."
        else:
            continue
        found[name] = Refused(
            Permanent(reason, message), updated=listed.updated if listed else None
        )
    return found


def closed_places(observed: ObservedVault, placement: Placement) -> SyncError | None:
    """Return the error if all of a secret's places are inaccessible."""
    errors = [observed.closed[secret] for secret in placement.secrets if secret in observed.closed]
    return errors[0] if len(errors) == len(placement.secrets) else None


def unknown(
    reading: Reading, hints: Iterable[Hint], verdicts: Mapping[SecretName, Verdict]
) -> Mapping[SecretName, Refused]:
    """Refuse secrets that an operator named, that should not be synced, and that we never had."""
    found: dict[SecretName, Refused] = {}
    for name in {hint.secret for hint in hints if hint.at is None}:
        verdict = verdicts.get(name)
        if name in reading.observed.records or not isinstance(verdict, Excluded | None):
            continue
        message = (
            f"Vault {reading.vault} has no enabled secret {name!r}: check the name."
            if verdict is None
            else f"Secret {name!r} of vault {reading.vault} is in no Secret: {verdict.reason}."
        )
        found[name] = Refused(Permanent(Reason.NO_SUCH_SECRET, message))
    return found
