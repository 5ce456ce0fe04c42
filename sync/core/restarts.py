"""What a restart of workloads is told in: its settings, what came of it, and who reads a key."""

from dataclasses import dataclass
from enum import StrEnum

from sync.core.errors import SyncError


class Scope(StrEnum):
    """Which workloads are restarted when a key changes that they read."""

    OFF = "off"
    ANNOTATED = "annotated"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which restarts may begin: `starts` is NCRONTAB in UTC, it lasts for `seconds`."""

    starts: str
    seconds: int


@dataclass(frozen=True, slots=True)
class RestartRules:
    """The settings of restarts. Times are seconds.

    `annotation` names a further annotation by which workloads opt in, empty if there is none. At
    most `in_namespace` workloads of a namespace and `in_all` of all namespaces are restarted at
    once. Without `windows` a restart may begin at any time. `owners` are the kinds of controllers,
    `KIND` or `KIND.GROUP`, that leave a changed pod template as it is.
    """

    scope: Scope = Scope.OFF
    annotation: str = ""
    quiet: float = 5
    in_namespace: int = 1
    in_all: int = 10
    deadline: float = 600
    windows: tuple[Window, ...] = ()
    owners: frozenset[str] = frozenset()

    @property
    def on(self) -> bool:
        """Whether anything is restarted."""
        return self.scope is not Scope.OFF


NO_RESTARTS = RestartRules()


@dataclass(frozen=True, slots=True)
class Restart:
    """What came of a workload that reads changed keys; without `error` it was restarted.

    `keys` are those keys, each as `SECRET/KEY`. `kind` and `name` are empty where the workloads of
    the namespace cannot be listed.
    """

    cluster: str
    namespace: str
    kind: str = ""
    name: str = ""
    keys: tuple[str, ...] = ()
    error: SyncError | None = None

    def __str__(self) -> str:
        workload = f"{self.kind} {self.name} in " if self.name else ""
        return f"{workload}namespace {self.namespace} of cluster {self.cluster}"


@dataclass(frozen=True, slots=True)
class Reader:
    """A workload that reads a key of a Secret.

    `changed` is when the key's value last changed, and `running` up to which change the workload
    is known to run with it; both in epoch seconds, None if unknown. `opted` says whether a change
    of this key restarts it.
    """

    kind: str
    name: str
    secret: str
    key: str
    opted: bool
    changed: int | None
    running: int | None

    @property
    def current(self) -> bool | None:
        """Whether the workload runs with the key's value; None if that is not known."""
        if self.changed is None or self.running is None:
            return None
        return self.running >= self.changed
