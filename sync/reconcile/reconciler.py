"""The one way that a target is brought in step: read the Secret, then the vault, plan, write.

The order is what makes it right. The write is accepted only if nobody wrote since our read of the
Secret, and the vault was read after that: an older value never replaces a newer one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sync.core.errors import Conflict, Permanent, SyncError, Transient
from sync.core.model import CREATE_ONLY, Action, Change, Hint, Target, moment
from sync.core.ports import Cluster, Deadline, Vaults
from sync.core.reasons import Reason
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.reconcile.desired import DesiredVault, compose
from sync.reconcile.observed import ObservedVault
from sync.reconcile.plan import ObservedSecret, diff, refuse_foreign, refuse_unmarked
from sync.reconcile.vault_reader import VaultReader, VaultSurvey

WRITE_RESERVE_SECONDS = 3
"""What reading the vault leaves of the deadline, so that what was read can be written."""

_VISITS = 3  # how often a listing may lead to a Secret that was not read before it
_NAMED = 3  # how many secrets a message names


def _uncontested(_target: Target, _deadline: Deadline) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """What to reconcile: the whole vault, or the hinted secrets where the rest is known to be in.

    `removals` lets a listing take away more than an accident may, `refetch` reads every value anew,
    and `takeover` takes a Secret that somebody else made or manages. Another vault's Secret is
    taken by its name alone, `takeover_from`, which the caller has found gone.
    `contested` tells whether another known vault leads to the target: then it is neither created
    nor taken over. It is asked only where that would be done, and raises where it cannot tell.
    `late` takes in and returns the hints that have come since this work began, all of them.
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
    """What was written (or would be), and the vault secrets that could not be brought over."""

    changes: tuple[Change, ...]
    keys: int
    expired: tuple[str, ...]
    unread: Mapping[str, SyncError]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Progress:
    """What one reconcile is to do, and has done so far, or would: by Secret and key."""

    work: ReconcileRequest
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def note(self, look: "Turn", standing: ObservedSecret, changes: Iterable[Change]) -> None:
        """Note changes of one Secret."""
        of = "" if standing is look.holdings.own else standing.target.secret
        self.changes |= {(of, change.key): replace(change, secret=of) for change in changes}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn found, and what the Secrets shall hold by it."""

    holdings: ObservedVault
    reading: VaultSurvey
    contents: DesiredVault

    def in_order(self) -> Sequence[ObservedSecret]:
        """Return the Secrets as they are written: the vault's own first, which names the others."""
        own = self.holdings.own
        others = sorted(self.holdings.standings.keys() - {own.target.secret})
        return [own, *(self.holdings.standings[secret] for secret in others)]

    def names_in(self, standing: ObservedSecret) -> frozenset[str]:
        """Return the vault secrets of one Secret, as it stands and as it shall be."""
        secret = standing.target.secret
        return frozenset({*standing.records, *self.contents.secrets[secret].records})

    def late_in(self, standing: ObservedSecret) -> SyncError | None:
        """Return why one Secret cannot be made yet: a new one is whole, as the own one is."""
        late = {
            name: error
            for name, error in self.contents.unread.items()
            if isinstance(error, Transient)
            and name in self.reading.placed
            and self.reading.placed[name].secret == standing.target.secret
        }
        return first_cause(late) if late and standing.actual is None else None

    def warnings(self, rules: Rules) -> tuple[str, ...]:
        """Return what is odd, but no failure."""
        return tuple(
            warning
            for _, content in sorted(self.contents.secrets.items())
            for name, record in sorted(content.records.items())
            for warning in rules.warnings(name, record.keys(name))
        )


def write_turns() -> Retrying:
    """Return the retry of a write that lost its race: six turns, jittered, 2 s between at most."""
    return Retrying(
        retry=retry_if_exception_type(Conflict),
        stop=stop_after_attempt(6),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The protocol over the two ports; `now` gives epoch seconds, `prune` says if keys may go."""

    vaults: Vaults
    cluster: Cluster
    now: Callable[[], float]
    prune: bool = True
    turns: Callable[[], Retrying] = write_turns
    rules: Rules = DEFAULT_RULES

    def reconcile(
        self, work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        """Bring one target in step; raises Permanent or Transient when nothing was written."""
        return self.turns()(self._turn, _Progress(work), deadline, fetchers)

    def _turn(self, progress: _Progress, deadline: Deadline, fetchers: Executor) -> ReconcileResult:
        work = progress.work
        look = self.look(work, deadline, fetchers, progress.written)
        unread = dict(look.contents.unread)
        if look.holdings.own.actual is None and any(
            isinstance(error, Transient) for error in unread.values()
        ):
            raise first_cause(unread)  # a new Secret is whole, but for what never can be in
        wrote, failed = self._write_all(look, progress, deadline)
        unread = failed | unread
        if look.contents.moving and wrote:
            progress.work = replace(work, whole=True)
            raise Conflict(Reason.SECRETS_MOVED, f"{work.target} changes again as soon as read.")
        if look.contents.moving and work.dry_run and not unread:
            end = compose(look.holdings, look.reading, prune=self.prune, foresee=True)
            _, unread = self._write_all(replace(look, contents=end), progress, deadline)
        else:
            unread = {**look.contents.waiting, **unread}
        return ReconcileResult(
            changes=tuple(sorted(progress.changes.values())),
            keys=sum(len(content.entries) for content in look.contents.secrets.values()),
            expired=look.reading.expired,
            unread=unread,
            warnings=look.warnings(self.rules),
        )

    def _write_all(
        self, look: Turn, progress: _Progress, deadline: Deadline
    ) -> tuple[bool, dict[str, SyncError]]:
        """Write each Secret; tell if any was written, and what failed in another than the own."""
        wrote = False
        failed: dict[str, SyncError] = {}
        lost: Conflict | None = None
        for standing in look.in_order():
            try:
                if late := look.late_in(standing):
                    raise late
                wrote |= self._write(look, standing, progress, deadline)
            except (Permanent, Transient) as error:
                if standing is look.holdings.own:
                    raise
                if isinstance(error, Conflict):
                    lost = error
                failed |= dict.fromkeys(look.names_in(standing), error)
        if lost is not None:
            raise lost
        return wrote, failed

    def look(
        self,
        work: ReconcileRequest,
        deadline: Deadline,
        fetchers: Executor,
        written: AbstractSet[str] = frozenset(),
    ) -> Turn:
        """Read the Secrets, then the vault, and put together what is to be.

        `written` are further Secrets that this reconcile has written.
        """
        holdings = self._stand(work, deadline)
        reserved = deadline.earlier(WRITE_RESERVE_SECONDS)
        reader = VaultReader(
            self.vaults, self.now, self.rules, self.prune, work.removals, work.refetch
        )

        def hints() -> Sequence[Hint]:
            return (*work.hints, *work.late())

        if not work.whole and holdings.own.state is not None:
            homes = {holdings.home(holdings.spelled(hint.secret)) for hint in work.hints}
            holdings = self._visit(work, holdings, homes, deadline)
            reading = reader.hinted(holdings, hints, reserved, fetchers)
            if reading is not None:
                contents = compose(holdings, reading, prune=self.prune)
                if not contents.moving and not contents.clashing:  # else a listing has to decide
                    return Turn(holdings, reading, contents)
        wanted: AbstractSet[str] = written | holdings.others.keys()
        for _ in range(_VISITS):
            holdings = self._visit(work, holdings, wanted, deadline)
            reading = reader.whole(holdings, hints(), reserved, fetchers)
            if not reading.unvisited:
                return Turn(holdings, reading, compose(holdings, reading, prune=self.prune))
            wanted = reading.unvisited
        raise Conflict(
            Reason.TAGS_CHANGED, f"The tags of vault {work.target.vault} change all the time."
        )

    def _write(
        self, look: Turn, standing: ObservedSecret, progress: _Progress, deadline: Deadline
    ) -> bool:
        """Write one Secret, where there is anything to write; tell if it was written."""
        target, actual = standing.target, standing.actual
        plan = diff(standing, look.contents.secrets[target.secret], moment(self.now()))
        if plan.apply is None or progress.work.dry_run:
            progress.note(look, standing, plan.changes)
            return False
        revision = actual.resource_version if actual else CREATE_ONLY
        progress.written.add(target.secret)
        if plan.evict:
            self.cluster.evict(target, plan.evict, revision, deadline)
            progress.note(look, standing, (Change(key, Action.REMOVE) for key in plan.evict))
            raise Conflict(Reason.KEYS_EVICTED, f"{target} changes again as soon as read.")
        self.cluster.apply(target, plan.apply, revision, deadline)
        progress.note(look, standing, plan.changes)
        return True

    def _stand(self, work: ReconcileRequest, deadline: Deadline) -> ObservedVault:
        actual = self.cluster.read(work.target, deadline)
        standing = ObservedSecret.of(work.target, actual)
        if actual is not None:
            refuse_foreign(
                work.target, actual, takeover=work.takeover, takeover_from=work.takeover_from
            )
        reserved = deadline.earlier(WRITE_RESERVE_SECONDS)
        if standing.state is None and work.contested(work.target, reserved):
            raise Permanent(
                Reason.TARGET_CONTESTED,
                f"Secret {work.target} is not created for vault {work.target.vault}: another vault "
                "leads to it as well. Rename one of the vaults, or tell them apart in "
                "SYNC_NAMESPACE or SYNC_CLUSTERS.",
            )
        return ObservedVault(work.target, {work.target.secret: standing})

    def _visit(
        self,
        work: ReconcileRequest,
        holdings: ObservedVault,
        secrets: AbstractSet[str],
        deadline: Deadline,
    ) -> ObservedVault:
        """Read further Secrets; one that cannot be had closes itself, and no other."""
        standings: dict[str, ObservedSecret] = {}
        closed: dict[str, SyncError] = {}
        for secret in sorted(secrets - holdings.visited):
            target = replace(work.target, secret=secret)
            try:
                standing = ObservedSecret.of(target, self.cluster.read(target, deadline))
                refuse_unmarked(standing, takeover=work.takeover, takeover_from=work.takeover_from)
                standings[secret] = standing
            except (Permanent, Transient) as error:
                closed[secret] = error
        return holdings.with_more(standings, closed)


def first_cause(unread: Mapping[str, SyncError]) -> SyncError:
    """Sum up why secrets are missing: Transient if any of it may pass."""
    causes = [unread[name] for name in sorted(unread)]
    cause = next((cause for cause in causes if isinstance(cause, Transient)), causes[0])
    if len(causes) == 1:
        return cause
    names = ", ".join(sorted(unread)[:_NAMED]) + (", …" if len(causes) > _NAMED else "")
    message = f"{len(causes)} secrets ({names}) could not be brought over: {cause.message}"
    if isinstance(cause, Transient):
        return Transient(cause.reason, message, cause.retry_after)
    return Permanent(cause.reason, message)
