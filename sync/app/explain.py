"""Explains where each secret of a vault goes and under which keys, or why it does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync.core.annotation import Record
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import SECRET_TYPE, SecretName
from sync.projection.placement import Excluded, Placement
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
    is written. `type` is None for an Opaque Secret. `why` is an error if it failed.
    """

    name: str
    progress: Progress
    secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] | None = None
    type: str | None = None
    version: str | None = None
    why: str | SyncError | None = None


def explain(turn: Turn) -> Sequence[Explained]:
    """Explain every secret that the vault lists, and removed ones that still have a record."""
    told = _Explanation(turn)
    return [told.of(name) for name in sorted(told.names)]


class _Explanation:
    """One turn, and the result of the write that would follow it."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._recorded = turn.vault.records
        self._verdicts = turn.survey.verdicts
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
        )

    def _plan(self, observed: ObservedSecret) -> SyncError | None:
        """Record which secrets the next write changes, or return why it would be refused."""
        desired = self._turn.desired.secrets[observed.target.secret]
        try:
            plan = self._turn.plan(observed)
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
        return (Progress.WAITING if name in self._changing else Progress.IN_STEP), None

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
    if record is not None and placement is None:
        return record.keys
    if record is not None and placement is not None:
        return record.keys if placement.fingerprint == record.fingerprint else None
    return () if isinstance(verdict, Excluded) else None
