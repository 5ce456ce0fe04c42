"""The state of a vault's Secrets: what they contain, and why something is not in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sync.app.outcomes import unknown, vault_of
from sync.app.requests import EVERYTHING, Resync
from sync.app.use_cases import REQUEST, App, Budget
from sync.core.errors import Permanent, SyncError
from sync.core.model import Application, SecretName, Target
from sync.core.outcomes import Failed
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.reconcile.guards import refuse_foreign, refuse_newer, refuse_unmarked
from sync.reconcile.observed import ObservedSecret


class State(StrEnum):
    """The state of a Secret, from the best to the worst."""

    CONVERGED = "converged"
    EMPTY = "empty"
    DRIFTED = "drifted"
    STALE = "stale"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class SecretStatus:
    """The state of one Secret; `drifted` are its keys that others changed or removed.

    `why` is what keeps it from being converged, unless the Secret's refusals or keys say that.
    """

    secret: ObservedSecret
    state: State
    drifted: frozenset[str]
    why: SyncError | None = None

    @classmethod
    def of(cls, secret: ObservedSecret, rules: str, *, further: bool = False) -> "SecretStatus":
        """Compare a Secret with our record of it; `rules` is the digest of our settings.

        A vault's own Secret is ours unless somebody else claims it. A `further` one, which tags or
        an application ask for, must say that it is ours.
        """
        state, why = _state(secret, rules, further=further)
        return cls(secret, state, secret.drifted, why)


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """A vault's own Secret, and the further ones by name, or why one of them cannot be read.

    `due` is when the timer does what is still to be done, in epoch seconds; None if nothing is, or
    if no pass covers the vault.
    """

    own: SecretStatus
    others: Mapping[str, SecretStatus | SyncError]
    due: float | None = None

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


def statuses(
    app: App,
    known: Known,
    request: Resync = EVERYTHING,
    budget: Budget = REQUEST,
    places: Sequence[Target | Failed] | None = None,
) -> Iterator[VaultStatus | Failed]:
    """Yield the state of the Secrets of each target that is meant, or why one cannot be read.

    `places` are those targets, if they are known. The Secrets of applications that are gone, and
    whose keys are still there, come last.
    """
    yield from unknown(known)
    places = list(app.places(known.vaults, request)) if places is None else places
    left: dict[Target, None] = {}

    def ask(place: Target | Failed, deadline: Deadline) -> VaultStatus:
        if isinstance(place, Failed):
            raise place.error
        return _status(app, place, deadline)

    answers = app.work_queue.ask(places, ask, budget.target, budget.total)
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, SyncError):
            yield Failed(vault_of(place), answer)
            continue
        yield answer
        left |= dict.fromkeys(_left(answer, places, request))
    answers = app.work_queue.ask(left, ask, budget.target, budget.total)
    for target, answer in zip(left, answers, strict=True):
        if isinstance(answer, SyncError):
            yield Failed(target.vault.text, answer)
        elif answer.own.secret.ours:
            yield answer


def _left(
    status: VaultStatus, places: Sequence[Target | Failed], request: Resync
) -> Iterator[Target]:
    """Yield the remembered Secrets of applications that are not among the places."""
    own = status.own.secret
    there = {place.place for place in places if isinstance(place, Target)}
    for secret, remembered in own.state.applications.items() if own.state else ():
        kind, _, name = remembered.partition("/")
        target = own.target.of_application(secret, Application(kind, name, gone=True))
        if target.place not in there and request.means(target):
            yield target


def _status(app: App, target: Target, deadline: Deadline) -> VaultStatus:
    rules = app.reconciler.rules.of(target).digest
    further = target.application is not None
    own = SecretStatus.of(_read(app, target, deadline), rules, further=further)
    others: dict[str, SecretStatus | SyncError] = {}
    for secret in own.secret.index:
        try:
            read = _read(app, target.further(secret), deadline)
            others[secret] = SecretStatus.of(read, rules, further=True)
        except SyncError as error:
            others[secret] = error
    if own.state is State.ABSENT:
        own = _absent(app, own, deadline)
    status = VaultStatus(own, others)
    if status.state in {State.CONVERGED, State.EMPTY}:
        return status
    return replace(status, due=app.due(target.vault, deadline))


def _read(app: App, target: Target, deadline: Deadline) -> ObservedSecret:
    return ObservedSecret.of(target, app.reconciler.cluster.read(target, deadline))


def _absent(app: App, own: SecretStatus, deadline: Deadline) -> SecretStatus:
    """Ask the vault why there is no Secret: it has nothing for one, or cannot be listed."""
    target = own.secret.target
    try:
        awaited = app.reconciler.awaited(target, deadline)
    except SyncError as error:
        return replace(own, why=error)
    if not awaited:
        return replace(own, state=State.EMPTY)
    return replace(own, why=_not_written(target, awaited))


def _not_written(target: Target, awaited: tuple[SecretName, ...]) -> Permanent:
    return Permanent(
        Reason.NOT_WRITTEN_YET,
        f"Secret {target} does not exist, and vault {target.vault} has {len(awaited)} secret(s) "
        f"for it: keyvault-sync explain {target.vault} says what keeps each of them out.",
    )


def _state(secret: ObservedSecret, rules: str, *, further: bool) -> tuple[State, SyncError | None]:
    if secret.actual is None:
        return State.ABSENT, None
    try:
        if further:
            refuse_unmarked(secret)
        else:
            refuse_foreign(secret.target, secret.actual)
    except Permanent as error:
        return State.TAKEN, error
    try:
        refuse_newer(secret)
    except Permanent as error:
        return State.UNKNOWN, error
    state = secret.state
    if state is None:
        return State.UNKNOWN, Permanent(
            Reason.NOT_WRITTEN_YET,
            f"Secret {secret.target} exists, and the sync has written nothing to it yet.",
        )
    if state.failure is not None:
        reason = state.failure.reason
        return State.STALE, Permanent(reason, f"The last pass failed: {reason.meaning}")
    otherwise = secret.settings_differ(rules)
    all_in = not state.refused and not state.unnamed and not secret.drifted and otherwise is None
    return (State.CONVERGED if all_in else State.DRIFTED), otherwise
