"""What may happen to the readers in a history: each step's repr is the code that repeats it."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import current_thread
from typing import Literal

from local.kubernetes.authorization import Rule
from local.kubernetes.controllers import HOLD_STATUS
from local.kubernetes.documents import Document
from local.kubernetes.options import Write
from local.kubernetes.status import ApiError
from local.kubernetes.workloads import DAEMON_SET
from sync.adapters.kubernetes.workloads import KubernetesWorkloads
from sync.core.changes import SyncedSecret
from sync.core.errors import SyncError
from sync.core.ports import Deadline
from sync.core.restarts import RestartRules, Scope
from sync.reconcile.counts import as_stored
from sync.rollout.restarter import Restarter
from sync.rollout.workloads import Place
from tests.model.actors import Actor, Killed
from tests.model.restarts.kubelet import Running
from tests.model.restarts.readers import Form, Reader
from tests.model.restarts.witness import QUIET_SECONDS, RECORD, Witness
from tests.model.steps import CreateNamespace, History, Run, Step
from tests.model.world import Broken

RULES = RestartRules(Scope.ANNOTATED, quiet=QUIET_SECONDS)
LOOKS = 8
"""So many passes with a quiet time between them restart all that there is."""

LOOK_AFTER_SECONDS = 70
"""So long after the last change every pod is known to be newer, or not."""


class RestartHistory(History):
    """A history of one vault in which workloads read its own Secret."""

    def __init__(self, *, sees_pods: bool = True) -> None:
        self._sees_pods = sees_pods
        super().__init__(1)
        resources = ("deployments", "statefulsets", "daemonsets")
        verbs = ("get", "list", "patch")
        self.world.cluster.grant("app", Rule(verbs, resources, groups=("apps",)))
        if sees_pods:
            self.world.cluster.grant("app", Rule(("list",), ("pods",)))
        self.workloads = KubernetesWorkloads(self.real.clusters, self.world.now)

    def watching(self) -> Witness:
        """Return what watches the world."""
        self.witness = Witness(self.world, sees_pods=self._sees_pods)
        return self.witness

    def finish(self) -> None:
        """Let all be well and enough passes run, and see who was missed; raises Broken."""
        world = self.world
        world.main = Actor()
        world.cluster.faults.clear()
        world.kept[0].vault.faults.clear()
        CreateNamespace(self.witness.kubelet.namespace).run(self)
        for name in self.witness.kubelet.readers:
            Hold(name, over=True).run(self)
        for _ in range(LOOKS):
            world.sleep(LOOK_AFTER_SECONDS)
            world.changed()
            self.take(Look(takeover=True, removals=True))
        self.witness.end()
        version = world.cluster.version
        self.take(Look())
        if world.cluster.version != version and not self._only_pods(version):
            raise Broken("settled", "one more pass writes again")

    def _only_pods(self, version: str) -> bool:
        """Tell whether nothing but the model's own pods was written since."""
        return all(
            int(_version(running, self)) <= int(version)
            for running in self.witness.kubelet.running.values()
        )


def _version(running: Running, history: RestartHistory) -> str:
    namespace = history.witness.kubelet.namespace
    stored = history.world.cluster.read(running.reader.kind, namespace, running.reader.name)
    return str(stored.metadata["resourceVersion"])


@dataclass(frozen=True, slots=True)
class Look(Run):
    """A pass of an instance of its own: it reconciles the vault, then looks at the workloads."""

    def act(self, history: History) -> None:
        """Reconcile and look."""
        assert isinstance(history, RestartHistory)
        world, real = history.world, history.real
        history.witness.begins(world.actors.get(current_thread().name, world.main))
        work = self._work(history)
        if work is None:
            return
        target = work.target

        def stored(_place: Place, secret: str, deadline: Deadline) -> SyncedSecret | None:
            actual = real.reconciler.cluster.read(replace(target, secret=secret), deadline)
            return None if actual is None else as_stored(secret, actual)

        restarter = Restarter(
            history.workloads, stored, RULES, world.now, lambda _: True, real.inline
        )
        try:
            done = real.reconciler.reconcile(work, real.deadline(), real.inline)
            history.tell(done)
            secrets = {each.name: each for each in done.secrets}
            place = Place(target.cluster, target.namespace)
            history.tell(restarter.look({place: secrets}, real.deadline()))
        except Killed:
            return
        except SyncError as error:
            history.tell(f"{error.reason} {error}")
        except Exception as error:  # noqa: BLE001 - a bug is what this looks for
            world.broken.append(Broken("bug", repr(error)))


@dataclass(frozen=True, slots=True)
class OfReader(Step):
    """Something that happens to a workload, if it is there."""

    name: str

    def run(self, history: History) -> None:
        """Let it happen."""
        assert isinstance(history, RestartHistory)
        if (running := history.witness.kubelet.named(self.name)) is not None:
            with suppress(ApiError):
                self.happen(history, running)

    @abstractmethod
    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""

    def patch(self, history: RestartHistory, running: Running, patch: Document) -> None:
        """Change the workload as somebody else."""
        namespace = history.witness.kubelet.namespace
        history.world.cluster.patch(
            running.reader.kind, namespace, self.name, "merge", patch, Write("kubectl")
        )


@dataclass(frozen=True, slots=True)
class Deploy(Step):
    """Somebody makes a workload."""

    name: str
    kind: str = "Deployment"
    form: Form = Form.ENV
    asks: str = "true"

    def __repr__(self) -> str:
        return f"Deploy({self.name!r}, {self.kind!r}, {self.form}, {self.asks!r})"

    def run(self, history: History) -> None:
        """Let it happen, unless there is one of the name."""
        assert isinstance(history, RestartHistory)
        kubelet = history.witness.kubelet
        if kubelet.named(self.name) is None:
            reader = kubelet.readers[self.name] = Reader(self.name, self.kind, self.form, self.asks)
            with suppress(ApiError):
                history.world.cluster.create(
                    reader.kind, kubelet.namespace, reader.manifest(), Write("kubectl")
                )


@dataclass(frozen=True, slots=True)
class Recreate(OfReader):
    """Somebody deletes a workload and makes it anew."""

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        namespace, reader = history.witness.kubelet.namespace, running.reader
        history.world.cluster.delete(reader.kind, namespace, self.name)
        history.world.cluster.create(reader.kind, namespace, reader.manifest(), Write("kubectl"))


@dataclass(frozen=True, slots=True)
class Release(OfReader):
    """Somebody restarts a workload: a new image, or `kubectl rollout restart`."""

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        at: Document = {"kubectl.kubernetes.io/restartedAt": f"{history.world.moment}"}
        template: Document = {"metadata": {"annotations": at}}
        self.patch(history, running, {"spec": {"template": template}})


@dataclass(frozen=True, slots=True)
class Undo(OfReader):
    """`kubectl rollout undo`: the template is the one before."""

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        if len(running.templates) > 1:
            now, before = running.templates[-1], running.templates[-2]
            annotations: Document = {**dict.fromkeys(now), **before}
            template: Document = {"metadata": {"annotations": annotations}}
            self.patch(history, running, {"spec": {"template": template}})


@dataclass(frozen=True, slots=True)
class Forget(OfReader):
    """The record is lost, or an older one comes back, or all that is not in a manifest goes."""

    how: Literal["lost", "older", "replaced"] = "lost"

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        reader, records = running.reader, running.records
        if self.how == "replaced":
            namespace = history.witness.kubelet.namespace
            history.world.cluster.replace(
                reader.kind, namespace, self.name, reader.manifest(), Write("kubectl")
            )
            return
        older = records[-2] if self.how == "older" and len(records) > 1 else None
        self.patch(history, running, {"metadata": {"annotations": {RECORD: older}}})


@dataclass(frozen=True, slots=True)
class Scale(OfReader):
    """A workload gets so many pods, a DaemonSet aside."""

    replicas: int = 0

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        if running.reader.kind is not DAEMON_SET:
            self.patch(history, running, {"spec": {"replicas": self.replicas}})


@dataclass(frozen=True, slots=True)
class Crash(OfReader):
    """One pod of a workload is started anew."""

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        del running
        history.witness.kubelet.restart_one(self.name)
        history.witness.note()


@dataclass(frozen=True, slots=True)
class Hold(OfReader):
    """New pods of a workload do not become ready, until it is over."""

    over: bool = False

    def happen(self, history: RestartHistory, running: Running) -> None:
        """Let it happen."""
        held: Document = {HOLD_STATUS: None if self.over else "held"}
        self.patch(history, running, {"metadata": {"annotations": held}})


def repeat(steps: Sequence[Step], *, sees_pods: bool = True) -> RestartHistory:
    """Let a whole history happen and finish; raises Broken."""
    history = RestartHistory(sees_pods=sees_pods)
    for step in steps:
        history.take(step)
    history.finish()
    return history


def rules_broken(steps: Sequence[Step], *, sees_pods: bool = True) -> set[str]:
    """Let a whole history happen, whatever breaks; return the rules that do."""
    history = RestartHistory(sees_pods=sees_pods)
    for step in steps:
        step.run(history)
    try:
        history.finish()
    except Broken as last:
        history.world.broken.append(last)
    return {each.rule for each in history.world.broken}
