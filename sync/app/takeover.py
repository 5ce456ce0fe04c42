"""Takes over a Secret that its owner has released: plans, writes as shown, removes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.app.requests import Resync
from sync.app.use_cases import App, Budget
from sync.core.changes import Action, Change
from sync.core.errors import Conflict, Malformed, Permanent
from sync.core.model import Target
from sync.core.outcomes import Converged, Outcome
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.reconcile.guards import refuse_unmarked
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.ownership import Claim, claim, taken


class Fate(StrEnum):
    """What happens to one key of the Secret."""

    TAKEN_OVER = "taken over"
    CHANGED = "changed"
    ADDED = "added"
    IN_STEP = "in step"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an adoption would do to each key of the Secret at that revision.

    `former` is the claim that it overrides. A key that is taken over already has the vault's value;
    one that is kept is not in the vault and stays foreign.
    """

    target: Target
    revision: str
    former: Claim | None
    fates: Mapping[str, Fate]
    versions: Mapping[str, str]

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return self.former is not None or not set(self.fates.values()) <= {Fate.IN_STEP, Fate.KEPT}


def look(app: App, known: Known, asked: Resync, budget: Budget) -> Adoption:
    """Plan the adoption of the own Secret of the vault's target that is asked for; writes nothing.

    Raises SyncError if the owner has not released the Secret and `takeover` does not override it,
    if another vault has it, if it does not exist, if the vault cannot be read, if a key would be
    removed, or if the adoption would also take another Secret that the vault's tags ask for.
    """
    target = only_target(app, known, asked)
    vault = target.vault
    actual = app.reconciler.cluster.read(target, Deadline.after(budget.target, app.clock))
    if actual is None:
        raise Permanent(
            Reason.NOTHING_TO_ADOPT,
            f"Secret {target} does not exist: make it with keyvault-sync resync {vault}.",
        )
    former = claim(target, actual)
    if former is not None and not former.released and not asked.takeover:
        raise taken(target, former)
    request = Resync(vault.text, asked.target, takeover=former is not None, dry_run=True)
    planned = _changes(_only(app, known, request, budget))
    deadline = Deadline.after(budget.target, app.clock)
    for secret in sorted({change.secret for change in planned if change.secret}):
        other = target.further(secret)
        refuse_unmarked(ObservedSecret.of(other, app.reconciler.cluster.read(other, deadline)))
    changes = [change for change in planned if not change.secret]
    if going := sorted(change.key for change in changes if change.action is Action.REMOVE):
        raise Permanent(
            Reason.ADOPTION_REMOVES,
            f"Secret {target} is not adopted for vault {vault}: {len(going)} keys that the sync "
            f"itself wrote would go ({', '.join(going[:3])}), and adopt removes nothing. If that "
            f"is meant: keyvault-sync resync {vault} --takeover.",
        )
    ours = ObservedSecret.of(target, actual).ours
    fates = {key: Fate.IN_STEP if key in ours else Fate.KEPT for key in actual.data}
    fates |= {change.key: _fate(change) for change in changes}
    return Adoption(
        target=target,
        revision=actual.resource_version,
        former=former,
        fates=dict(sorted(fates.items())),
        versions={change.key: change.version for change in changes},
    )


def adopt(app: App, known: Known, adoption: Adoption, budget: Budget) -> Outcome:
    """Write what was shown; raises Conflict if the Secret has changed since."""
    target = adoption.target
    actual = app.reconciler.cluster.read(target, Deadline.after(budget.target, app.clock))
    if actual is None or actual.resource_version != adoption.revision:
        raise Conflict(
            Reason.SECRET_CHANGED,
            f"Somebody changed Secret {target} after it was shown, and nothing was written: "
            f"find out who writes it, then run keyvault-sync adopt {target.vault} again.",
        )
    place = f"{target.cluster}/{target.namespace}/{target.secret}"
    request = Resync(target.vault.text, place, takeover=adoption.former is not None)
    return _only(app, known, request, budget)


def only_target(app: App, known: Known, asked: Resync) -> Target:
    """Return the only target that is asked for; raises Permanent or Malformed."""
    (vault,) = known.vaults
    first, *more = filter(asked.means, app.naming.targets(vault))
    if more:
        places = ", ".join(f"{each.namespace}/{each.secret}" for each in (first, *more))
        raise Malformed(
            Reason.REQUEST_MALFORMED,
            f"Vault {vault} has several targets: name one by --target ({places}).",
        )
    return first


def _only(app: App, known: Known, request: Resync, budget: Budget) -> Outcome:
    (outcome,) = app.reconcile(known, request, budget)
    return outcome


def _changes(outcome: Outcome) -> tuple[Change, ...]:
    if isinstance(outcome, Converged):
        return outcome.changes
    raise outcome.error


def _fate(change: Change) -> Fate:
    if change.action is Action.CREATE:
        return Fate.ADDED
    return Fate.TAKEN_OVER if change.same else Fate.CHANGED
