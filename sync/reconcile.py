"""The one way that a target is brought in step: read the Secret, then the vault, plan, write.

The order is what makes it right. The write is accepted only if nobody wrote since our read of the
Secret, and the vault was read after that: an older value never replaces a newer one.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from sync.errors import Conflict, Permanent, SyncError, Transient
from sync.model import CREATE_ONLY, Act, Change, Hint, Target, moment
from sync.plan import Standing, diff, refuse_foreign
from sync.ports import Cluster, Deadline, Vaults
from sync.reading import Reader, Reading

WRITE_RESERVE_SECONDS = 3
"""What reading the vault leaves of the deadline, so that what was read can be written."""

_NAMED = 3  # how many secrets a message names


@dataclass(frozen=True, slots=True)
class Work:
    """What to reconcile: the whole vault, or the hinted secrets where the rest is known to be in.

    `contested` says that another known vault leads to the same Secret: then none is created.
    `late` takes in and returns the hints that have come since this work began, all of them.
    """

    target: Target
    hints: tuple[Hint, ...] = ()
    whole: bool = True
    force: bool = False
    dry_run: bool = False
    contested: bool = False
    late: Callable[[], Sequence[Hint]] = field(default=tuple, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was written (or would be), and the vault secrets that could not be brought over."""

    changes: tuple[Change, ...]
    keys: int
    expired: tuple[str, ...]
    unread: Mapping[str, SyncError]


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

    def reconcile(self, work: Work, deadline: Deadline, fetchers: Executor) -> Reconciled:
        """Bring one target in step; raises Permanent or Transient when nothing was written."""
        evicted: set[str] = set()
        return self.turns()(self._turn, work, deadline, fetchers, evicted)

    def _turn(
        self, work: Work, deadline: Deadline, fetchers: Executor, evicted: set[str]
    ) -> Reconciled:
        standing = self._stand(work, deadline)
        reading = self._read(work, standing, deadline.earlier(WRITE_RESERVE_SECONDS), fetchers)
        if standing.actual is None and any(
            isinstance(e, Transient) for e in reading.unread.values()
        ):
            raise first_cause(reading.unread)  # a new Secret is whole, but for what never can be in
        plan = diff(standing, reading.entries, reading.carried, moment(self.now()))
        if plan.apply is not None and not work.dry_run:
            revision = standing.actual.resource_version if standing.actual else CREATE_ONLY
            if plan.evict:
                self.cluster.evict(work.target, plan.evict, revision, deadline)
                evicted |= plan.evict
                raise Conflict("KeysEvicted", f"{work.target} changes again as soon as read.")
            self.cluster.apply(work.target, plan.apply, revision, deadline)
        gone = (Change(key, Act.REMOVE) for key in evicted - reading.entries.keys())
        return Reconciled(
            changes=tuple(sorted({*plan.changes, *gone})),
            keys=len(reading.entries),
            expired=reading.expired,
            unread=reading.unread,
        )

    def _stand(self, work: Work, deadline: Deadline) -> Standing:
        actual = self.cluster.read(work.target, deadline)
        standing = Standing.of(work.target, actual)
        if standing.state is None and work.contested:
            raise Permanent(
                "TargetContested",
                f"Secret {work.target} is not created for vault {work.target.vault}: another vault "
                "leads to it as well. Rename one of the vaults, or tell them apart in "
                "SYNC_NAMESPACE or SYNC_CLUSTERS.",
            )
        if actual is not None and not work.force:
            refuse_foreign(work.target, actual)
        return standing

    def _read(
        self, work: Work, standing: Standing, deadline: Deadline, fetchers: Executor
    ) -> Reading:
        def hints() -> Sequence[Hint]:
            return (*work.hints, *work.late())

        reader = Reader(self.vaults, self.now, self.prune)
        if not work.whole and standing.state is not None:
            reading = reader.hinted(standing, hints, deadline, fetchers)
            if reading is not None:
                return reading
        return reader.whole(standing, hints(), deadline, fetchers, force=work.force)


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
