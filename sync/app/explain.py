"""Where each secret of a vault goes, as which keys, and if it is not there, why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync.core.annotation import Record
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import SECRET_TYPE
from sync.reconcile.plan import ObservedSecret, diff
from sync.reconcile.reconciler import Turn


class Progress(StrEnum):
    """How far a vault secret is on its way into the cluster."""

    IN_STEP = "in step"
    WAITING = "waiting"
    OUT = "out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Explained:
    """What becomes of one vault secret.

    `secret` and `keys` are where it belongs, or where it still is; `keys` is None where only a
    value can tell that was never read. `version` is the one that the keys are from, None where none
    is written. `type` is None for an Opaque Secret. `why` is an error for what failed.
    """

    name: str
    progress: Progress
    secret: str | None = None
    keys: tuple[str, ...] | None = None
    type: str | None = None
    version: str | None = None
    why: str | SyncError | None = None


def explain(look: Turn) -> Sequence[Explained]:
    """Tell of every secret that the vault lists, and of those that are gone and still recorded."""
    told = _Explanation(look)
    return [told.of(name) for name in sorted(told.names)]


class _Explanation:
    """One look, and what the write that follows it would come to."""

    def __init__(self, look: Turn) -> None:
        self._look = look
        self._placed = look.reading.placed
        self._recorded = look.holdings.records
        self._changing = set(look.contents.waiting)
        self._failed: Mapping[str, SyncError] = look.contents.unread
        refused, *_ = [self._plan(standing) for standing in look.in_order()]
        if refused is not None:  # the vault's own Secret comes first, or none is written
            self._failed = {**dict.fromkeys(self._changing, refused), **self._failed}
        found = (*self._recorded, *self._failed, *look.reading.out, *self._placed)
        self.names = {name.lower(): name for name in found}.values()

    def of(self, name: str) -> Explained:
        """Tell of one secret."""
        record = self._record(name)
        progress, why = self._progress(name)
        return Explained(
            name=name,
            progress=progress,
            secret=self._secret(name),
            keys=self._keys(name),
            type=self._type(name),
            version=(record.version or None) if record else None,
            why=why,
        )

    def _plan(self, standing: ObservedSecret) -> SyncError | None:
        """Note which secrets the next write changes, or return why it would be refused."""
        content = self._look.contents.secrets[standing.target.secret]
        try:
            if late := self._look.late_in(standing):
                raise late
            plan = diff(standing, content, now="")
        except (Permanent, Transient) as error:
            self._failed = {
                **dict.fromkeys(self._look.names_in(standing), error),
                **self._failed,
            }
            return error
        changed = {change.key for change in plan.changes}
        for records in (standing.records, content.records):
            self._changing |= {n for n, r in records.items() if not changed.isdisjoint(r.keys(n))}
        return None

    def _record(self, name: str) -> Record | None:
        return self._recorded.get(self._look.holdings.spelled(name))

    def _progress(self, name: str) -> tuple[Progress, str | SyncError | None]:
        reading = self._look.reading
        if name in self._failed:
            return Progress.FAILED, self._failed[name]
        if name in self._placed:
            return (Progress.WAITING if name in self._changing else Progress.IN_STEP), None
        why = reading.out.get(name, "the vault no longer has it")
        return (Progress.WAITING if name in reading.gone else Progress.OUT), why

    def _secret(self, name: str) -> str | None:
        if name in self._placed:
            return self._placed[name].secret
        home = self._look.holdings.home(name)
        is_in = name in self._recorded or home in self._look.holdings.closed
        return home if is_in else None

    def _keys(self, name: str) -> tuple[str, ...] | None:
        place, record = self._placed.get(name), self._record(name)
        if name in self._look.reading.rendered:
            return tuple(sorted(self._look.reading.rendered[name].values))
        if place is not None and place.key is not None:
            return (place.key,)
        if record is not None and (place is None or place.fingerprint == record.fingerprint):
            return record.keys(name)
        return () if name in self._look.reading.out else None

    def _type(self, name: str) -> str | None:
        place = self._placed.get(name)
        if place is not None and place.type is not None:
            return place.type.value
        content = self._look.contents.secrets.get(self._secret(name) or "")
        return None if content is None or content.type == SECRET_TYPE else content.type
