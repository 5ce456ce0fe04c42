"""Explains where each secret of a vault goes and under which keys, or why it does not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sync.app.use_cases import REQUEST, App, Budget, Readers
from sync.core.changes import Plan
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import SECRET_TYPE, Hint, SecretName, Target
from sync.core.outcomes import Failed, Notice
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.restarts import Reader
from sync.core.state import Record
from sync.projection.placement import Excluded, Placement
from sync.reconcile.counts import synced
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.survey import Fetched, Verdict
from sync.reconcile.turn import Turn


class Progress(StrEnum):
    """How far a vault secret has come on its way into the cluster."""

    IN_STEP = "in step"
    WAITING = "waiting"
    OUT = "out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Explained:
    """The result for one vault secret.

    `secrets` and `keys` are where it belongs, or where it still is; `keys` is None if they depend
    on a value that was never read. `version` is the version that the keys come from, None if none
    is written. `type` is None for an Opaque Secret. `why` says why it is not in step, as an error
    if a reason names it. `warnings` should be known all the same. `due` is when the timer tries
    next, or when the vault's newest version becomes valid, in epoch seconds. `readers` are the
    workloads that read its keys, where workloads are restarted and may be listed.
    """

    name: str
    progress: Progress
    secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] | None = None
    type: str | None = None
    version: str | None = None
    why: str | SyncError | None = None
    warnings: tuple[Notice, ...] = ()
    due: float | None = None
    readers: tuple[Reader, ...] = ()


_LONG_AGO = 0.0
"""When the event was that a secret is read for: the vault has nothing newer to catch up with."""

type _Rehearse = Callable[[ObservedSecret, Plan], None]


def explained(
    app: App,
    places: Sequence[Target | Failed],
    secret: str | None = None,
    budget: Budget = REQUEST,
) -> Sequence[Sequence[Explained] | SyncError]:
    """Return for each target the state of its secrets, or of one, or why that is unknown.

    One secret is read, unless that is refused, so that it is explained in full; of several only
    those that changed are.
    """
    hints = (Hint(SecretName(secret), at=_LONG_AGO),) if secret else ()

    def ask(place: Target | Failed, deadline: Deadline) -> Sequence[Explained]:
        if isinstance(place, Failed):
            raise place.error
        request = app.work(place, hints, whole=True)
        turn = app.reconciler.look(request, deadline, app.work_queue.fetchers)

        def rehearse(observed: ObservedSecret, plan: Plan) -> None:
            app.reconciler.rehearse(observed, plan, deadline)

        found = explain(turn, rehearse, app.due(place.vault, deadline))
        if app.readers is not None:
            found = _with_readers(found, _readers(app.readers, place, turn, deadline))
        if secret is None:
            return found
        asked = [each for each in found if each.name.lower() == secret.lower()]
        if not asked:
            raise Permanent(
                Reason.NO_SUCH_SECRET,
                f"Vault {place.vault} has no secret {secret!r}: check the name.",
            )
        return asked

    return list(app.work_queue.ask(places, ask, budget.target, budget.total))


def _readers(ask: Readers, target: Target, turn: Turn, deadline: Deadline) -> Sequence[Reader]:
    """Return the workloads that read the target's keys; none if they may not be listed."""
    present = (synced(each, None) for each in turn.vault.secrets.values())
    try:
        return ask(target, [each for each in present if each is not None], deadline)
    except (Permanent, Transient):
        return ()


def _with_readers(found: Iterable[Explained], readers: Sequence[Reader]) -> list[Explained]:
    return [
        replace(
            each,
            readers=tuple(
                reader
                for reader in readers
                if reader.secret in each.secrets and reader.key in (each.keys or ())
            ),
        )
        for each in found
    ]


def explain(turn: Turn, rehearse: _Rehearse, due: float | None = None) -> Sequence[Explained]:
    """Explain every secret that the vault lists, and removed ones that still have a record.

    `rehearse` raises why the API server would refuse a plan. `due` is when the timer runs next, in
    epoch seconds, None if no pass covers the vault.
    """
    explanation = _Explanation(turn, rehearse, due)
    return [explanation.of(name) for name in sorted(explanation.names)]


class _Explanation:
    """One turn, and the result of the write that would follow it."""

    def __init__(self, turn: Turn, rehearse: _Rehearse, due: float | None) -> None:
        self._turn = turn
        self._rehearse = rehearse
        self._due = due
        self._recorded = turn.vault.records
        self._verdicts = turn.survey.verdicts
        self._warnings = turn.warnings()
        self._changing = set(turn.desired.waiting)
        self._failed: Mapping[SecretName, SyncError] = turn.desired.refused
        refused, *_ = [self._plan(observed) for observed in turn.in_order()]
        if refused is not None:  # if the vault's own Secret fails, no Secret is written
            self._failed = {**dict.fromkeys(self._changing, refused), **self._failed}
        self.names = {*self._verdicts, *self._recorded, *self._failed}

    def of(self, name: SecretName) -> Explained:
        """Explain one secret."""
        verdict, record = self._verdicts.get(name), self._recorded.get(name)
        placement = None if isinstance(verdict, Excluded | None) else verdict.placement
        progress, why = self._progress(name, verdict)
        secrets = self._secrets(name, placement)
        return Explained(
            name=str(name),
            progress=progress,
            secrets=secrets,
            keys=_keys(verdict, placement, record),
            type=self._type(placement, secrets),
            version=(record.version or None) if record else None,
            why=why,
            warnings=tuple(each for each in self._warnings if each.source == name),
            due=self._due_of(progress, verdict, record),
        )

    def _due_of(
        self, progress: Progress, verdict: Verdict | None, record: Record | None
    ) -> float | None:
        """Return when the timer changes something, also of what is as it should be by now."""
        if progress not in {Progress.IN_STEP, Progress.OUT}:
            return self._due
        if isinstance(verdict, Excluded):
            return verdict.until
        return (record.due or None) if record else None

    def _plan(self, observed: ObservedSecret) -> SyncError | None:
        """Record which secrets the next write changes, or return why it would be refused."""
        desired = self._turn.desired.secrets[observed.target.secret]
        try:
            plan = self._turn.plan(observed)
            self._rehearse(observed, plan)
        except (Permanent, Transient) as error:
            names = self._turn.names_in(observed)
            self._failed = {**dict.fromkeys(names, error), **self._failed}
            return error
        changed = {change.key for change in plan.changes}
        for records in (observed.records, desired.records):
            self._changing |= {n for n, r in records.items() if not changed.isdisjoint(r.keys)}
        return None

    def _progress(
        self, name: SecretName, verdict: Verdict | None
    ) -> tuple[Progress, str | SyncError | None]:
        if name in self._failed:
            return Progress.FAILED, self._failed[name]
        if isinstance(verdict, Excluded):
            going = name in self._changing
            return (Progress.WAITING if going else Progress.OUT), verdict.reason
        if name not in self._changing:
            return Progress.IN_STEP, None
        return Progress.WAITING, self._turn.desired.waiting.get(name) or self._pending(
            name, verdict
        )

    def _pending(self, name: SecretName, verdict: Verdict | None) -> str | SyncError:
        """Say why the next write changes the keys of a secret."""
        record, otherwise = self._recorded.get(name), self._turn.settings_differ(name)
        if record is None:
            return otherwise or "it is new in the vault and not written yet"
        if isinstance(verdict, Fetched) and verdict.record.version != record.version:
            return "the vault has a newer version, which is not written yet"
        observed = self._turn.vault.secrets
        if any(not each.drifted.isdisjoint(record.keys) for each in observed.values()):
            return "somebody changed its keys in the cluster"
        return (
            otherwise or "its tags or the settings changed, and its keys are not written anew yet"
        )

    def _secrets(self, name: SecretName, placement: Placement | None) -> tuple[str, ...]:
        if placement is not None:
            return placement.secrets
        known = name in self._turn.vault.homes
        return tuple(sorted(self._turn.vault.home(name))) if known else ()

    def _type(self, placement: Placement | None, secrets: Sequence[str]) -> str | None:
        if placement is not None and placement.type is not None:
            return placement.type.value
        kinds = {
            desired.type
            for secret in secrets
            if (desired := self._turn.desired.secrets.get(secret)) is not None
        }
        return next((kind for kind in sorted(kinds) if kind != SECRET_TYPE), None)


def _keys(
    verdict: Verdict | None, placement: Placement | None, record: Record | None
) -> tuple[str, ...] | None:
    if isinstance(verdict, Fetched):
        return tuple(sorted(verdict.values))
    if placement is not None and placement.key is not None:
        return (placement.key,)
    if placement is not None and placement.options.keys:
        return tuple(sorted(item.key for item in placement.options.keys))
    if record is not None and placement is None:
        return record.keys
    if record is not None and placement is not None:
        return record.keys if placement.fingerprint == record.fingerprint else None
    return () if isinstance(verdict, Excluded) else None
