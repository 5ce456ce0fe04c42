"""What the app can be asked for: take an event, sweep the vaults, resync, tell the status."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from sync.errors import NotOurs, Permanent, SyncError
from sync.events import Expiring, parse
from sync.fleet import Fleet
from sync.model import Failed, Hint, Ignored, Outcome, Target, VaultName, moment
from sync.naming import Naming
from sync.ports import Cluster, Deadline
from sync.reconcile import Work
from sync.report import Json, error_json, secret_json
from sync.requests import Resync


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds for one target, and for all targets of one call."""

    target: float
    total: float


EVENT = Budget(target=24, total=27)  # Event Grid waits 30 s
REQUEST = Budget(target=24, total=200)  # App Service's front end waits 230 s
PASS = Budget(target=120, total=270)  # the next pass is due after 300 s, by default

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


@dataclass(frozen=True, slots=True)
class App:
    """The use cases over one fleet; `vaults` are the known ones, `clock` is monotonic seconds."""

    naming: Naming
    vaults: Sequence[VaultName]
    claims: Claims
    subscriptions: frozenset[str]
    fleet: Fleet
    cluster: Cluster
    clock: Callable[[], float]

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
        """Reconcile every known vault; one outcome a vault."""
        return self._each(self.vaults, Resync(), PASS)

    def resync(self, request: Resync, budget: Budget = REQUEST) -> Iterator[Outcome]:
        """Reconcile what an operator asks for; one outcome a vault. Raises NotOurs for none."""
        return self._each(self.select(request), request, budget)

    def select(self, request: Resync) -> Sequence[VaultName]:
        """Return the vaults that a request means; raises NotOurs where there is none."""
        if request.vault is not None:
            return [self.naming.vault(request.vault)]
        if request.project is None or request.stage is None:
            return self.vaults
        wanted = (request.project.lower(), request.stage.lower())
        vaults = [vault for vault in self.vaults if (vault.project, vault.stage) == wanted]
        if not vaults:
            raise NotOurs(
                "NoSuchProject",
                f"No known vault is of project {wanted[0][:64]!r} and stage {wanted[1][:64]!r}: "
                "name it in SYNC_VAULTS, or resync it by its own name.",
            )
        return vaults

    def status(self, request: Resync) -> Iterator[tuple[Mapping[str, Json], SyncError | None]]:
        """Tell of each vault's Secret what it says of itself, or why it could not be read."""
        deadline = Deadline.after(REQUEST.target, self.clock)
        for vault in self.select(request):
            try:
                target = self.naming.target(vault)
                yield secret_json(target, self.cluster.read(target, deadline)), None
            except SyncError as error:
                yield {"vault": vault.text, "state": "unknown", **error_json(error)}, error

    def _each(
        self, vaults: Sequence[VaultName], request: Resync, budget: Budget
    ) -> Iterator[Outcome]:
        works: list[Work] = []
        hints = (Hint(request.secret),) if request.secret else ()
        for vault in vaults:
            try:
                target = self.naming.target(vault)
            except Permanent as error:
                yield Failed(vault.text, error)
                continue
            work = self._work(target, hints, whole=not hints)
            works.append(replace(work, force=request.force, dry_run=request.dry_run))
        yield from self.fleet.sweep(works, budget.target, budget.total)

    def _work(self, target: Target, hints: tuple[Hint, ...], *, whole: bool) -> Work:
        rivals = self.claims.get(target.place, frozenset()) - {target.vault}
        return Work(target, hints, whole, contested=bool(rivals))


def _settled(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def _expiry(event: Expiring) -> NotOurs:
    when = "" if event.expires is None else f" at {moment(event.expires)}"
    return NotOurs(
        event.event_type.rpartition(".")[2],
        f"Secret {event.secret!r} of vault {event.vault} expires or has expired{when}. It stays in "
        "the cluster as it is: set a new version.",
    )
