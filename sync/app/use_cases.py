"""What the app can be asked for: take an event, sweep the vaults, resync, tell the status."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from sync.app.events import EXPIRY, Expiring, parse
from sync.app.explain import Explained, explain
from sync.app.requests import Resync
from sync.app.status import SecretStatus, VaultStatus
from sync.app.work_queue import WorkQueue
from sync.core.errors import NotOurs, Permanent, SyncError, quoted
from sync.core.model import Failed, Hint, Ignored, Outcome, SecretName, Target, VaultName, moment
from sync.core.ports import Cluster, Deadline, Known, VaultDirectory
from sync.core.reasons import Reason
from sync.core.vault_names import Naming
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.reconciler import ReconcileRequest, Turn


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds for one target, and for all targets of one call."""

    target: float
    total: float

    def after(self, seconds: float) -> "Budget":
        """Return what is left of it once so many seconds are spent."""
        return Budget(max(0.0, self.target - seconds), max(0.0, self.total - seconds))


EVENT = Budget(target=24, total=27)  # Event Grid waits 30 s
REQUEST = Budget(target=24, total=200)  # App Service's front end waits 230 s
PASS = Budget(target=120, total=270)  # the next pass is due after 300 s, by default
_SEARCH_SECONDS = 20  # before a total begins

DISCOVERY = "discovery"
"""The subject of an outcome that tells of the search for vaults."""

type Claims = Mapping[tuple[str, str, str], frozenset[VaultName]]


def claims(naming: Naming, vaults: Iterable[VaultName]) -> Claims:
    """Return the vaults that lead to each place; more than one is a contest."""
    found: dict[tuple[str, str, str], frozenset[VaultName]] = {}
    for vault in vaults:
        try:
            place = naming.target(vault).place
        except Permanent:  # reported when the vault's turn comes
            continue
        found[place] = found.get(place, frozenset()) | {vault}
    return found


class VaultRegistry:
    """The vaults that are known and their claims; events go by the last look, and wait for none.

    `listed` are known before anybody looks.
    """

    def __init__(
        self, naming: Naming, directory: VaultDirectory, listed: Iterable[VaultName]
    ) -> None:
        self._naming = naming
        self._directory = directory
        vaults = tuple(listed)
        self._last = vaults, claims(naming, vaults)

    def look(self, deadline: Deadline) -> Known:
        """Ask the directory; never raises."""
        known = self._directory.known(deadline)
        vaults, _ = self._last
        if known.vaults != vaults:
            self._last = known.vaults, claims(self._naming, known.vaults)
        return known

    def contested(self, target: Target) -> bool:
        """Tell whether another vault that is known leads to the same place."""
        _, claimed = self._last
        return bool(claimed.get(target.place, frozenset()) - {target.vault})


@dataclass(frozen=True, slots=True)
class App:
    """The use cases over one fleet; `clock` is monotonic seconds.

    `look` reads what a reconcile reads, and writes nothing.
    """

    naming: Naming
    survey: VaultRegistry
    subscriptions: frozenset[str]
    fleet: WorkQueue
    cluster: Cluster
    clock: Callable[[], float]
    look: Callable[[ReconcileRequest, Deadline, Executor], Turn]

    def event(self, payload: str) -> Future[Outcome]:
        """Reconcile what one Event Grid or CloudEvents payload points to."""
        subject = "event"
        try:
            event = parse(payload, self.subscriptions)
            subject = event.vault
            if isinstance(event, Expiring):
                raise _expiry(event)
            target = self.naming.target(self.naming.vault(event.vault))
        except NotOurs as reason:
            return _settled(Ignored(subject, reason))
        except SyncError as error:
            return _settled(Failed(subject, error))
        return self.fleet.submit(self._work(target, (event.hint,), whole=False), EVENT.target)

    def sweep(self) -> Iterator[Outcome]:
        """Reconcile every known vault; one outcome a vault, and one for a search that failed.

        The order is another one in each pass: vaults that hang may use its time up, and those that
        come after them are not the same ones every time.
        """
        known = self._look()
        vaults = random.sample(known.vaults, len(known.vaults))
        return self.reconcile(replace(known, vaults=tuple(vaults)), Resync(), PASS)

    def resync(self, request: Resync) -> Iterator[Outcome]:
        """Reconcile what an operator asks for, with outcomes as a sweep's. Raises NotOurs."""
        return self.reconcile(self.select(request), request, REQUEST)

    def select(self, request: Resync) -> Known:
        """Return the vaults that a request means; raises NotOurs where there is none."""
        chosen = self.choose(request)
        if not chosen.vaults and chosen.fault is None:
            raise NotOurs(
                Reason.NO_VAULTS,
                "No vault is known: name the vaults in SYNC_VAULTS, let SYNC_DISCOVERY find them, "
                "or ask for one by its name.",
            )
        return chosen

    def choose(self, request: Resync) -> Known:
        """Return the vaults that a request means, which of all may be none; raises NotOurs.

        A vault that is named is not searched for.
        """
        if request.vault is not None:
            return Known((self.naming.vault(request.vault),))
        known = self._look()
        if request.project is None or request.stage is None:
            return known
        wanted = (request.project.lower(), request.stage.lower())
        vaults = tuple(vault for vault in known.vaults if (vault.project, vault.stage) == wanted)
        if not vaults and known.fault is None:
            raise NotOurs(
                Reason.NO_SUCH_PROJECT,
                f"No known vault has project {quoted(wanted[0])} and stage {quoted(wanted[1])}: "
                "name it in SYNC_VAULTS, or resync it by its own name.",
            )
        return Known(vaults, known.fault)

    def reconcile(self, known: Known, request: Resync, budget: Budget) -> Iterator[Outcome]:
        """Reconcile vaults in the request's manner; a search that failed is an outcome too."""
        if known.fault is not None:
            yield Failed(DISCOVERY, known.fault)
        works: list[ReconcileRequest] = []
        hints = (Hint(SecretName(request.secret)),) if request.secret else ()
        for vault in known.vaults:
            try:
                target = self.naming.target(vault)
            except Permanent as error:
                yield Failed(vault.text, error)
                continue
            work = self._work(target, hints, whole=not hints)
            works.append(
                replace(
                    work,
                    removals=request.force,
                    takeover=request.force,
                    refetch=request.force,
                    dry_run=request.dry_run,
                )
            )
        yield from self.fleet.sweep(works, budget.target, budget.total)

    def status(self, known: Known, budget: Budget = REQUEST) -> Iterator[VaultStatus | Failed]:
        """Tell of each vault's Secrets what they say of themselves, or why one cannot be read."""
        if known.fault is not None:
            yield Failed(DISCOVERY, known.fault)
        answers = self.fleet.ask(known.vaults, self._status, budget.target, budget.total)
        for vault, told in zip(known.vaults, answers, strict=True):
            yield Failed(vault.text, told) if isinstance(told, SyncError) else told

    def explain(
        self, vault: VaultName, secret: str | None = None, budget: Budget = REQUEST
    ) -> Sequence[Explained] | SyncError:
        """Tell where each secret of a vault goes, or one of them; or why that cannot be told."""

        def tell(vault: VaultName, deadline: Deadline) -> Sequence[Explained]:
            work = self._work(self.naming.target(vault), (), whole=True)
            told = explain(self.look(work, deadline, self.fleet.fetchers))
            if secret is None:
                return told
            asked = [each for each in told if each.name.lower() == secret.lower()]
            if not asked:
                raise Permanent(
                    Reason.NO_SUCH_SECRET,
                    f"Vault {vault} has no secret {secret!r}: check the name.",
                )
            return asked

        (told,) = self.fleet.ask((vault,), tell, budget.target, budget.total)
        return told

    def _status(self, vault: VaultName, deadline: Deadline) -> VaultStatus:
        target = self.naming.target(vault)
        own = ObservedSecret.of(target, self.cluster.read(target, deadline))
        others: dict[str, SecretStatus | SyncError] = {}
        for secret in own.index:
            other = replace(target, secret=secret)
            try:
                read = ObservedSecret.of(other, self.cluster.read(other, deadline))
                others[secret] = SecretStatus.of(read, further=True)
            except SyncError as error:
                others[secret] = error
        return VaultStatus(SecretStatus.of(own), others)

    def _look(self) -> Known:
        return self.survey.look(Deadline.after(_SEARCH_SECONDS, self.clock))

    def _work(self, target: Target, hints: tuple[Hint, ...], *, whole: bool) -> ReconcileRequest:
        return ReconcileRequest(target, hints, whole, contested=self.survey.contested(target))


def _settled(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def _expiry(event: Expiring) -> NotOurs:
    when = "" if event.expires is None else f" at {moment(event.expires)}"
    return NotOurs(
        EXPIRY[event.event_type],
        f"Secret {event.secret!r} of vault {event.vault} expires or has expired{when}. It stays in "
        "the cluster as it is: set a new version.",
    )
