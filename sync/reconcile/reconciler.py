"""Reconciles one target: read the Secret, then the vault, plan, write.

This order makes the sync correct. The API server accepts a write only if nobody has written since
we read the Secret, and we read the vault after that: an older value never replaces a newer one.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sync.core.changes import Plan
from sync.core.errors import Conflict, Permanent, SyncError, Transient
from sync.core.groups import Remote
from sync.core.model import CREATE_ONLY, Hint, SecretName, Target
from sync.core.ports import Cluster, Deadline, Pages, Vaults, no_pages
from sync.core.reasons import Reason
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.reconcile.counts import synced
from sync.reconcile.desired import compose
from sync.reconcile.guards import refuse_newer, refuse_unmarked
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.observing import observe_own
from sync.reconcile.plan import with_failure
from sync.reconcile.progress import Progress
from sync.reconcile.rehearsal import Rehearsal
from sync.reconcile.request import ReconcileRequest, ReconcileResult, first_cause
from sync.reconcile.survey import NeedsListing, Unvisited, VaultSurvey
from sync.reconcile.turn import Turn
from sync.reconcile.vault_reader import VaultReader

WRITE_RESERVE_SECONDS = 3
"""The part of the deadline reserved for the write, so that what was read can be written."""

MAX_TURNS = 6
"""The maximum number of turns in one reconcile to add, remove and drop what was emptied."""

_VISITS = 3  # how often a listing may lead to Secrets that were not read before it


def write_turns() -> Retrying:
    """Return the retry of a write that lost its race: six turns, with jittered waits up to 2 s."""
    return Retrying(
        retry=retry_if_exception_type(Conflict),
        stop=stop_after_attempt(6),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The protocol over the two ports; `now` returns epoch seconds, `prune` allows removals.

    With `counting` each Secret remembers when the value of each of its keys last changed.
    """

    vaults: Vaults
    cluster: Cluster
    now: Callable[[], float]
    prune: bool = True
    turns: Callable[[], Retrying] = write_turns
    rules: Rules = DEFAULT_RULES
    pages: Pages = no_pages
    counting: bool = False

    def reconcile(
        self, request: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        """Reconcile one target; raises Permanent or Transient if nothing was written.

        A dry run is the same code over a cluster that only records writes. A turn adds keys; it
        leaves removals and moved keys to the next turn, which can find them in their new place.
        """
        run = replace(self, cluster=Rehearsal(self.cluster)) if request.dry_run else self
        progress = Progress(request)
        for _ in range(MAX_TURNS):
            try:
                result = self.turns()(run._turn, progress, deadline, fetchers)  # noqa: SLF001 - our own
            except (Permanent, Transient) as error:
                # Without a token the cluster is not asked: it may need one of the same endpoint.
                if request.whole and error.reason.remote is Remote.VAULT:
                    run._note_failure(request.target, error.reason, deadline)  # noqa: SLF001 - our own
                raise
            if result is not None:
                return result
        raise Transient(Reason.SECRETS_MOVED, f"{request.target} keeps changing after each read.")

    def look(
        self,
        request: ReconcileRequest,
        deadline: Deadline,
        fetchers: Executor,
        written: AbstractSet[str] = frozenset(),
    ) -> Turn:
        """Read the Secrets, then the vault, and decide the desired contents.

        `written` are further Secrets that this reconcile has written.
        """
        reserved = deadline.earlier(WRITE_RESERVE_SECONDS)
        vault = observe_own(self.cluster, request, deadline, reserved)
        request = replace(request, target=vault.target)
        rules = self.rules.of(request.target)
        reader = VaultReader(self.vaults, self.now, rules, self.prune, request.listing)

        def hints() -> Sequence[Hint]:
            return (*request.hints, *request.late())

        if not request.whole and vault.own.state is not None:
            homes = {home for hint in request.hints for home in vault.home(hint.secret)}
            vault = self._visit(request, vault, homes, deadline)
            looked_up = reader.look_up(vault, hints, reserved, fetchers)
            if not isinstance(looked_up, NeedsListing):
                turn = self._composed(request, vault, looked_up)
                desired = turn.desired
                if not (desired.moving or desired.clashing or turn.takes_unrecorded):
                    return turn  # otherwise only a listing can decide
        wanted: AbstractSet[str] = written | vault.index.keys()
        for _ in range(_VISITS):
            vault = self._visit(request, vault, wanted, deadline)
            survey = reader.survey(vault, hints(), reserved, fetchers, refetch=request.refetch)
            reader = replace(reader, listing=None)
            if not isinstance(survey, Unvisited):
                return self._composed(request, vault, survey)
            wanted = survey.secrets
        raise Conflict(
            Reason.TAGS_CHANGED,
            f"The tags of vault {request.target.vault} keep changing.",
        )

    def awaited(self, target: Target, deadline: Deadline) -> tuple[SecretName, ...]:
        """List the vault, and return the secrets that belong into the target's Secrets."""
        return VaultReader(self.vaults, self.now, self.rules, self.prune).placed(target, deadline)

    def rehearse(self, observed: ObservedSecret, plan: Plan, deadline: Deadline) -> None:
        """Ask the API server whether it would accept a plan's write; raises what it answers."""
        if plan.apply is not None:
            _send(Rehearsal(self.cluster), observed, plan, deadline)

    def _composed(
        self, request: ReconcileRequest, vault: ObservedVault, survey: VaultSurvey
    ) -> Turn:
        now = self.now()
        desired = compose(vault, survey, now, prune=self.prune, removals=request.removals)
        rules = self.rules.of(request.target)
        return Turn(vault, survey, desired, rules, now, self.pages, self.counting)

    def _turn(
        self, progress: Progress, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult | None:
        """Observe and write; return None if another turn is needed."""
        request, progress.request = progress.request, replace(progress.request, listing=None)
        turn = self.look(request, deadline, fetchers, progress.written)
        refused = turn.desired.refused
        nothing_is_known = turn.vault.own.actual is None and not turn.survey.fetched
        if nothing_is_known and any(isinstance(each, Transient) for each in refused.values()):
            raise first_cause(refused)
        self._remember(turn, request, deadline)
        progress.again, progress.secrets = False, []
        wrote, failed = self._write_all(turn, progress, deadline)
        if progress.again or (wrote and turn.desired.moving):
            progress.request = replace(progress.request, whole=True)
            return None
        changes = tuple(sorted(progress.changes.values()))
        return ReconcileResult(
            changes=changes,
            keys=sum(len(desired.entries) for desired in turn.desired.secrets.values()),
            expired=turn.survey.expired,
            refused={**turn.desired.waiting, **failed, **refused},
            warnings=(*turn.warnings(), *progress.warnings),
            left_out=turn.left_out(changes) if progress.request.dry_run else (),
            secrets=tuple(progress.secrets) if self.counting else (),
            applications=turn.vault.own.state.applications if turn.vault.own.state else {},
        )

    def _remember(self, turn: Turn, request: ReconcileRequest, deadline: Deadline) -> None:
        """Have a Secret noted before it is made for an application, or if its note was lost.

        An emptied one of another application is made for this one, too.
        """
        own = turn.vault.own
        application = own.target.application
        if application is None or request.dry_run:
            return
        is_mine = own.state is not None and own.state.application == str(application)
        is_new = not (is_mine or application.gone) and bool(turn.plan(own))
        if is_new or (own.records and not request.remembered):
            request.remember(own.target, deadline)

    def _write_all(
        self, turn: Turn, progress: Progress, deadline: Deadline
    ) -> tuple[bool, dict[SecretName, SyncError]]:
        """Write each Secret; return whether any was written, and the further Secrets' failures."""
        wrote = False
        failed: dict[SecretName, SyncError] = {}
        lost: Conflict | None = None
        for observed in turn.in_order():
            plan: Plan | None = None
            try:
                plan = self._write(turn, observed, progress, deadline)
                wrote |= bool(plan)
            except (Permanent, Transient) as error:
                if observed is turn.vault.own:
                    raise
                if isinstance(error, Conflict):
                    lost = error
                failed |= dict.fromkeys(turn.names_in(observed), error)
            if (left := synced(observed, plan)) is not None:
                progress.secrets.append(left)
        if lost is not None:
            raise lost
        return wrote, failed

    def _write(
        self, turn: Turn, observed: ObservedSecret, progress: Progress, deadline: Deadline
    ) -> Plan:
        """Write one Secret if needed; return what was written.

        An apply cannot remove keys that others own: evict them first, in one write with the values
        that take their place, and apply in the next turn.
        """
        target = observed.target
        plan = turn.plan(observed)
        if plan.apply is None:
            return plan
        progress.written.add(target.secret)
        changes = plan.changes
        _send(self.cluster, observed, plan, deadline)
        if plan.evict:
            done = plan.evict | plan.replacing.keys()
            changes = tuple(each for each in changes if each.key in done)
            progress.again = True
        progress.note(target, changes)
        if blanked := turn.blanked(observed):
            progress.warnings.append(blanked)
        return plan

    def _note_failure(self, target: Target, reason: Reason, deadline: Deadline) -> None:
        """Note on the vault's own Secret that the vault could not be read, if that is possible."""
        with suppress(SyncError):
            own = ObservedSecret.of(target, self.cluster.read(target, deadline))
            noted = with_failure(own, reason, self.now())
            if noted is not None and own.actual is not None:
                self.cluster.apply(target, noted, own.actual.resource_version, deadline)

    def _visit(
        self,
        request: ReconcileRequest,
        vault: ObservedVault,
        secrets: AbstractSet[str],
        deadline: Deadline,
    ) -> ObservedVault:
        """Read further Secrets; an inaccessible one is closed without affecting the others."""
        found: dict[str, ObservedSecret] = {}
        closed: dict[str, SyncError] = {}
        for secret in sorted(secrets - vault.visited):
            target = request.target.further(secret)
            try:
                observed = ObservedSecret.of(target, self.cluster.read(target, deadline))
                refuse_newer(observed)
                refuse_unmarked(
                    observed, takeover=request.takeover, takeover_from=request.takeover_from
                )
                found[secret] = observed
            except (Permanent, Transient) as error:
                closed[secret] = error
        return vault.with_more(found, closed)


def _send(cluster: Cluster, observed: ObservedSecret, plan: Plan, deadline: Deadline) -> None:
    """Write what comes first of a plan: the eviction, if there is one, or the apply."""
    actual = observed.actual
    revision = actual.resource_version if actual else CREATE_ONLY
    if plan.evict:
        cluster.evict(observed.target, plan.evict, revision, deadline, values=plan.replacing)
    elif plan.apply is not None:
        cluster.apply(observed.target, plan.apply, revision, deadline)
