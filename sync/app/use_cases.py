"""The app's use cases: handle an event, reconcile vaults, report the status, explain."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

from sync.app.chains import Following, nothing_follows
from sync.app.events import Expiring, expiry, parse, vault_named
from sync.app.outcomes import unknown
from sync.app.pending import EVENT_SUBJECT, Pending, settled
from sync.app.registry import VaultRegistry, not_gone
from sync.app.requests import EVERYTHING, Resync
from sync.app.shared_listing import SharedListing
from sync.app.unattended import for_event_grid, nothing_known
from sync.app.work_queue import WorkQueue
from sync.core.changes import SyncedSecret
from sync.core.errors import NotOurs, Permanent, SyncError, Transient, quoted
from sync.core.model import Hint, SecretName, Target, VaultName
from sync.core.outcomes import Failed, Ignored, Outcome
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.core.restarts import Reader
from sync.core.vault_names import Naming
from sync.reconcile.reconciler import Reconciler
from sync.reconcile.request import ReconcileRequest

if TYPE_CHECKING:
    from sync.app.application_works import ApplicationWorks


@dataclass(frozen=True, slots=True)
class Budget:
    """The seconds for one target, and for all targets of one call."""

    target: float
    total: float

    def after(self, seconds: float) -> "Budget":
        """Return the rest after `seconds` are spent."""
        return Budget(max(0.0, self.target - seconds), max(0.0, self.total - seconds))


EVENT = Budget(target=22, total=23)  # Event Grid waits 30 s, of which the host may use some
REQUEST = Budget(target=24, total=200)  # App Service's front end waits 230 s
PASS = Budget(target=120, total=270)  # the next pass is due after 300 s, by default
_SEARCH_SECONDS = 20  # before the total begins
_SEVERAL = 2


def _never() -> float | None:
    return None


type Readers = Callable[[Target, Iterable[SyncedSecret], Deadline], Sequence[Reader]]
"""Returns the workloads that read each key of a target's Secrets; raises Permanent or Transient."""


@dataclass(frozen=True, slots=True)
class App:
    """The use cases over one work queue; `clock` is monotonic seconds.

    `next_pass` returns when the timer runs next, in epoch seconds; None if it never does. `readers`
    are asked for only by explanations, None where nothing is restarted.
    """

    naming: Naming
    registry: VaultRegistry
    subscriptions: frozenset[str]
    work_queue: WorkQueue
    reconciler: Reconciler
    clock: Callable[[], float]
    next_pass: Callable[[], float | None] = _never
    strays: tuple[tuple[str, SyncError], ...] = ()
    """The names among the listed vaults that are no vault's, each with why."""
    readers: Readers | None = None
    applications: "ApplicationWorks | None" = None
    """None if no application is synced."""

    def event(self, payload: str) -> Sequence[Pending]:
        """Reconcile each target that one Event Grid or CloudEvents payload points to.

        Where applications are synced, this may wait some seconds for a list of them.
        """
        subject = vault_named(payload) or EVENT_SUBJECT
        try:
            event = parse(payload, self.subscriptions)
            subject = event.vault
            if isinstance(event, Expiring):
                raise expiry(event)
            targets = self.naming.targets(self.naming.vault(event.vault))
        except NotOurs as reason:
            if reason.reason is Reason.SUBSCRIPTIONS_UNSET and not self.registry.knows_any:
                return [settled(Failed(subject, nothing_known()))]
            return [settled(Ignored(subject, reason))]
        except SyncError as error:
            return [settled(Failed(subject, error))]
        deadline = Deadline.after(EVENT.target, self.clock)
        works = (self.work(target, (event.hint,), whole=False) for target in targets)
        pending = [self._pending(work, deadline) for work in works]
        if self.applications is not None:
            for target in targets:
                more = self.applications.of_event(target, event.hint, deadline)
                pending += [self._pending(work, deadline) for work in more]
        return pending

    def _pending(self, work: ReconcileRequest | Failed, deadline: Deadline) -> Pending:
        if isinstance(work, Failed):
            return settled(work)
        seconds = max(0.0, deadline.at - self.clock())
        return Pending(self.work_queue.submit(work, seconds), work.target)

    def for_event_grid(self, outcomes: Iterable[Outcome], seconds: float) -> Sequence[Outcome]:
        """Return an event's outcomes, as Unattended those that no pass would repair.

        `seconds` limits the search that this may require.
        """
        deadline = Deadline.after(seconds, self.clock)
        return [
            for_event_grid(outcome, self.naming, self.registry, deadline) for outcome in outcomes
        ]

    @property
    def knows_nothing(self) -> bool:
        """Whether no event is accepted and no vault known: then the app can never do anything."""
        return not self.subscriptions and not self.registry.knows_any

    def resync_known(self) -> Iterator[Outcome]:
        """Reconcile every known vault; one outcome per target as it comes, and a failed search's.

        Raises Unattended if nothing is known. Each pass uses a different order: vaults that hang
        may use up its time, and the vaults left over should not always be the same.
        """
        known = self._look()
        if self.knows_nothing:
            raise nothing_known()
        vaults = random.sample(known.vaults, len(known.vaults))
        return self.reconcile(replace(known, vaults=tuple(vaults)), Resync(), PASS, timer=True)

    def resync(self, request: Resync, budget: Budget = REQUEST) -> Iterator[Outcome]:
        """Reconcile what an operator requests, with outcomes like a pass. Raises NotOurs."""
        return self.reconcile(self.select(request), request, budget)

    def select(self, request: Resync) -> Known:
        """Return the vaults of a request; raises NotOurs if there is none."""
        chosen = self.choose(request)
        if not chosen.vaults and chosen.fault is None and not chosen.strays:
            raise NotOurs(
                Reason.NO_VAULTS,
                "No vault is known: name the vaults in SYNC_VAULTS, let SYNC_DISCOVERY find them, "
                "or ask for one by its name.",
            )
        return chosen

    def choose(self, request: Resync) -> Known:
        """Return the vaults of a request, possibly none if it asks for all; raises NotOurs.

        A vault named in the request needs no search.
        """
        if request.vault is not None:
            return Known((self._named(request.vault, request),))
        known = self._look()
        if request.project is None or request.stage is None:
            return known
        wanted = (request.project.lower(), request.stage.lower())
        vaults = tuple(v for v in known.vaults if wanted in self.naming.projects(v))
        if not vaults and known.fault is None:
            raise NotOurs(
                Reason.NO_SUCH_PROJECT,
                f"No known vault has project {quoted(wanted[0])} and stage {quoted(wanted[1])}: "
                "name it in SYNC_VAULTS, or resync it by its own name.",
            )
        return replace(known, vaults=vaults, strays=())

    def _named(self, name: str, request: Resync) -> VaultName:
        """Return the vault of that name; raises NotOurs if it lacks the target of the request."""
        vault = self.naming.vault(name)
        places = self.places([vault], applications=request.target is not None)
        has = [place for place in places if isinstance(place, Target)]
        if has and not any(map(request.means, has)):
            raise NotOurs(
                Reason.NO_SUCH_TARGET,
                f"Vault {vault} has no such target: it has "
                f"{', '.join(f'{target.namespace}/{target.secret}' for target in has)}.",
            )
        return vault

    def reconcile(
        self, known: Known, request: Resync, budget: Budget, *, timer: bool = False
    ) -> Iterator[Outcome]:
        """Reconcile vaults with the request's options; a failed search is an outcome too."""
        yield from unknown(known)
        works: list[ReconcileRequest] = []
        hints = (Hint(SecretName(request.secret)),) if request.secret else ()
        listings = {vault: self._listing(vault) for vault in known.vaults}
        of_applications = request.target is not None
        places = self.places(known.vaults, request, applications=of_applications)
        for place in places:
            if isinstance(place, Failed):
                yield place
            elif refused := self._not_gone(place, request, budget):
                yield Failed(place.vault.text, refused, place)
            else:
                work = self.work(place, hints, whole=not hints)
                listing = listings[place.vault]
                works.append(replace(_in_the_manner(work, request), listing=listing))
        many = self.work_queue.reconcile_by_timer if timer else self.work_queue.reconcile_many
        following: Following = nothing_follows
        if self.applications is not None and request.target is None:
            following = self.applications.following
        yield from many(works, budget.target, budget.total, following)

    def places(
        self,
        vaults: Iterable[VaultName],
        request: Resync = EVERYTHING,
        *,
        applications: bool = True,
    ) -> Iterator[Target | Failed]:
        """Yield the vaults' targets that are meant, or the error of a vault without a safe one.

        Those of `applications` come after the own target that they belong to.
        """
        own: list[Target | Failed] = []
        for vault in vaults:
            try:
                own += self.naming.targets(vault)
            except Permanent as error:
                own.append(Failed(vault.text, error))
        beside: Iterable[Iterable[Target | Failed]] = repeat(())
        if applications and self.applications is not None:
            beside = self.applications.beside(own, request, self.work_queue)
        for place, more in zip(own, beside, strict=False):
            if isinstance(place, Failed) or request.means(place):
                yield place
            yield from more

    def _listing(self, vault: VaultName) -> SharedListing | None:
        """Return one listing for all targets of a vault, None for a vault with one target."""
        if self.applications is None and len(self.naming.table.get(vault, ())) < _SEVERAL:
            return None
        return SharedListing(self.reconciler.vaults, vault, self.clock)

    def _not_gone(self, target: Target, request: Resync, budget: Budget) -> SyncError | None:
        """Return why the Secret of the vault named in the request may not be taken over."""
        former = request.takeover_from
        if former is None:
            return None
        (gone,) = self.work_queue.ask([former], self.registry.is_gone, budget.target, budget.total)
        if isinstance(gone, SyncError):
            return gone
        return None if gone else not_gone(target, former)

    def _look(self) -> Known:
        known = self.registry.look(Deadline.after(_SEARCH_SECONDS, self.clock))
        return replace(known, strays=self.strays)

    def work(self, target: Target, hints: tuple[Hint, ...], *, whole: bool) -> ReconcileRequest:
        """Return the request to reconcile one target, for its hints or as a whole."""
        return ReconcileRequest(target, hints, whole, contested=self.registry.contested)

    def due(self, vault: VaultName, deadline: Deadline) -> float | None:
        """Return when the timer's next pass covers a vault; None if none does, as far as known."""
        try:
            return self.next_pass() if self.registry.covers(vault, deadline) else None
        except Transient:
            return None


def _in_the_manner(work: ReconcileRequest, request: Resync) -> ReconcileRequest:
    return replace(
        work,
        removals=request.removals,
        takeover=request.takeover,
        takeover_from=request.takeover_from,
        refetch=request.refetch,
        dry_run=request.dry_run,
    )
