"""The workloads as restarts see them, and the port through which they are read and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.rollout.record import TEMPLATE_ANNOTATION, Record
from sync.rollout.selector import Selector
from sync.rollout.uses import Use


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A namespace of a cluster."""

    cluster: str
    namespace: str

    def __str__(self) -> str:
        return f"namespace {self.namespace} of cluster {self.cluster}"


class Kind(StrEnum):
    """The kinds that are restarted. Jobs, CronJobs and bare pods read anew at their next run."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    ROLLOUT = "Rollout"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workload's controller is with the present template.

    `replaced` says that no pod of an older template is left, and `complete` that all pods are
    available as well, or were.
    """

    replaced: bool = True
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload as the API server returns it; `created` is epoch seconds.

    `annotations` are its own, `template_annotations` those of its pods. `pods` is how many pods it
    has by its status, and `replicas` how many it is to have. `obstacle` is why a new template would
    not reach its pods. `owner` is the controller that it belongs to, as `KIND.GROUP/NAME`, empty if
    it has none. `restart_at` is that of an Argo Rollout, whose template is left alone.
    """

    place: Place
    kind: Kind
    name: str
    uid: str
    resource_version: str
    created: int
    uses: tuple[Use, ...]
    selector: Selector
    replicas: int
    pods: int
    progress: Progress = Progress()
    record: Record | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    template_annotations: Mapping[str, str] = field(default_factory=dict)
    restart_at: str | None = None
    obstacle: Reason | None = None
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.place}"

    @property
    def restarted_for(self) -> str | None:
        """Our annotation on its template; None if there is none."""
        return self.template_annotations.get(TEMPLATE_ANNOTATION)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has not ended; `first` and `last` are when its containers started.

    They are epoch seconds of the first and of the last container that started. `first` is None
    while none has, and `last` until all have: a pod that waits for a key may have started others.
    """

    labels: Mapping[str, str]
    first: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Write:
    """Our annotations as a workload is to have them; `template` is None where it has none.

    `restart_at` is for Argo Rollouts, in place of the template's annotation.
    """

    record: str
    template: str | None = None
    restart_at: str | None = None


class Workloads(Protocol):
    """The workloads of the clusters. Every method raises Permanent or Transient."""

    def list(self, place: Place, deadline: Deadline) -> Sequence[Workload]:
        """Return the workloads of a namespace that are not being deleted, one list a kind."""
        ...

    def read(self, workload: Workload, deadline: Deadline) -> Workload | None:
        """Return the workload as it is now; None if it is gone, or another one has its name."""
        ...

    def pods(self, place: Place, deadline: Deadline) -> Sequence[Pod] | None:
        """Return the pods of a namespace that have not ended; None if they may not be listed."""
        ...

    def apply(self, workload: Workload, write: Write, deadline: Deadline) -> None:
        """Write our annotations on the workload as it was read; raises Conflict if it changed."""
        ...
