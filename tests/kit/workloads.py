"""Workloads in memory: a fake of the port, and a Deployment to vary."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from sync.core.changes import Count, SyncedSecret
from sync.core.errors import Conflict, SyncError
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.rollout.record import TEMPLATE_ANNOTATION, parse
from sync.rollout.selector import Selector
from sync.rollout.uses import Use
from sync.rollout.workloads import Kind, Place, Pod, Progress, Workload, Write

PLACE = Place("default", "shop-dev")
_UIDS = count(1)


def env(secret: str, key: str, *, optional: bool = False) -> Use:
    """Return the use of a key as an environment variable."""
    return Use(secret, key, optional)


def workload(
    name: str = "web",
    *uses: Use,
    kind: Kind = Kind.DEPLOYMENT,
    created: int = 0,
    opted: str | None = "true",
    place: Place = PLACE,
) -> Workload:
    """Return a workload of one pod, made at `created` and complete."""
    return Workload(
        place=place,
        kind=kind,
        name=name,
        uid=f"uid-{next(_UIDS)}",
        resource_version="1",
        created=created,
        uses=uses,
        selector=Selector({"app": name}),
        replicas=1,
        pods=1,
        annotations={} if opted is None else {"keyvault-sync/restart": opted},
    )


def secret(name: str = "orders", **counts: Count | int | None) -> SyncedSecret:
    """Return a Secret with a key for each count; an int is one of a changed value."""
    keys = {key.replace("_", "-"): value for key, value in counts.items()}
    told = {k: Count(v) if isinstance(v, int) else v for k, v in keys.items() if v is not None}
    return SyncedSecret(name, frozenset(keys), told)


@dataclass(slots=True)
class FakeWorkloads:
    """The workloads of some namespaces; a controller's work is done by `settle`.

    Those named by `going` are deleted once they are listed. `conflicts` is how many of the next
    writes lose their race, `refusal` what every write meets.
    """

    found: dict[str, Workload] = field(default_factory=dict)
    seen: Sequence[Pod] | None = None
    conflicts: int = 0
    going: frozenset[str] = frozenset()
    refusal: SyncError | None = None
    calls: list[str] = field(default_factory=list)

    def add(self, *added: Workload) -> None:
        """Add or replace workloads."""
        self.found |= {each.uid: each for each in added}

    def named(self, name: str) -> Workload:
        """Return the workload of that name."""
        return next(each for each in self.found.values() if each.name == name)

    def settle(self) -> None:
        """Have every controller finish its rollout."""
        self.add(*(replace(each, progress=Progress()) for each in self.found.values()))

    def list(self, place: Place, deadline: Deadline) -> Sequence[Workload]:
        """Return the workloads of a namespace."""
        deadline.remaining()
        self.calls.append("list")
        listed = [each for each in self.found.values() if each.place == place]
        self.found = {uid: each for uid, each in self.found.items() if each.name not in self.going}
        return listed

    def read(self, workload: Workload, deadline: Deadline) -> Workload | None:
        """Return the workload as it is now."""
        deadline.remaining()
        self.calls.append("read")
        return self.found.get(workload.uid)

    def pods(self, place: Place, deadline: Deadline) -> Sequence[Pod] | None:
        """Return the pods, of whatever namespace."""
        del place
        deadline.remaining()
        self.calls.append("pods")
        return self.seen

    def apply(self, workload: Workload, write: Write, deadline: Deadline) -> None:
        """Write the annotations; a template that changes begins a rollout."""
        deadline.remaining()
        self.calls.append("apply")
        if self.refusal is not None:
            raise self.refusal
        now = self.found.get(workload.uid)
        if self.conflicts and now is not None:
            self.conflicts -= 1
            now = replace(now, resource_version=f"{now.resource_version}0")
            self.add(now)
        if now is None or now.resource_version != workload.resource_version:
            raise Conflict(Reason.CONFLICT, "changed")
        annotations = dict(now.template_annotations)
        annotations.pop(TEMPLATE_ANNOTATION, None)
        if write.template is not None:
            annotations[TEMPLATE_ANNOTATION] = write.template
        rolls = annotations != now.template_annotations or write.restart_at != now.restart_at
        self.add(
            replace(
                now,
                resource_version=str(int(now.resource_version) + 1),
                record=parse(write.record),
                template_annotations=annotations,
                restart_at=write.restart_at,
                progress=Progress(replaced=False, complete=False) if rolls else now.progress,
            )
        )
