"""The pods of the workloads: when each started, and with which values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.kubernetes.documents import Document, child, dump, text
from local.kubernetes.options import Write
from local.kubernetes.selectors import Selector
from local.kubernetes.store import Change
from local.kubernetes.workloads import DAEMON_SET, POD
from tests.model.restarts.readers import KINDS, SECRET, Reader
from tests.model.world import World


@dataclass(slots=True)
class Pod:
    """A pod of a template; `started` is None while it waits for a key."""

    template: bytes
    started: float | None = None
    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Running:
    """A workload in the cluster: its templates' annotations so far, newest last, and its pods."""

    reader: Reader
    created: float
    templates: list[Document] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    template: bytes = b""
    replicas: int = 0

    @property
    def started(self) -> Iterator[tuple[float, Mapping[str, bytes]]]:
        """When each pod that runs started, and with which values."""
        for pod in self.pods:
            if pod.started is not None:
                yield pod.started, pod.values


class Kubelet:
    """Starts pods at once, unless a key is missing that they need; then older ones go on."""

    def __init__(self, world: World, namespace: str) -> None:
        self._world = world
        self.namespace = namespace
        self.readers: dict[str, Reader] = {}
        self.running: dict[str, Running] = {}
        """By uid."""

    def named(self, name: str) -> Running | None:
        """Return the workload of that name."""
        return next((each for each in self.running.values() if each.reader.name == name), None)

    def changed(self, change: Change) -> None:
        """See a change of a workload or of the Secret."""
        if change.kind.name in KINDS and change.namespace == self.namespace:
            metadata, spec = change.after.metadata, child(change.after.bare, "spec")
            uid = text(metadata, "uid")
            if change.type == "DELETED":
                self.running.pop(uid, None)
                return
            reader = self.readers[text(metadata, "name")]
            running = self.running.setdefault(uid, Running(reader, self._world.time))
            template = child(spec, "template")
            running.template = dump(template)
            annotations = child(child(template, "metadata"), "annotations")
            if not running.templates or running.templates[-1] != annotations:
                running.templates.append(annotations)
            replicas = spec.get("replicas")
            running.replicas = 1 if change.kind is DAEMON_SET else int(str(replicas))
        for running in self.running.values():
            self._start(running)

    def restart_one(self, name: str) -> None:
        """Let the first pod of a workload be started anew, as after a crash of its node."""
        running = self.named(name)
        if running is not None and running.pods:
            running.pods[0] = self._pod(running)

    def _start(self, running: Running) -> None:
        data = self._data()
        can_start = running.reader.form.starts_with(data)
        kept = [
            pod
            for pod in running.pods
            if pod.template == running.template or (pod.started is not None and not can_start)
        ][: running.replicas]
        running.pods = [
            self._pod(running) if pod.started is None and can_start else pod for pod in kept
        ]
        while len(running.pods) < running.replicas:
            running.pods.append(self._pod(running))

    def _pod(self, running: Running) -> Pod:
        data = self._data()
        if not running.reader.form.starts_with(data):
            return Pod(running.template)
        return Pod(running.template, self._world.time, data or {})

    def _data(self) -> Mapping[str, bytes] | None:
        if self._world.secret(self.namespace, SECRET) is None:
            return None
        return self._world.data(self.namespace, SECRET)

    def list(self) -> None:
        """Write the pods to the cluster as they are by now."""
        cluster = self._world.cluster
        for stored in cluster.list(POD, self.namespace, Selector())[0]:
            cluster.delete(POD, self.namespace, text(stored.metadata, "name"))
        for uid, running in self.running.items():
            for number, pod in enumerate(running.pods):
                name = f"{running.reader.name}-{uid[:8]}-{number}"
                body: Document = {
                    "metadata": {"name": name, "labels": {"app": running.reader.name}},
                    "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]},
                }
                cluster.create(POD, self.namespace, body, Write("kubelet"))
                cluster.write_status(POD, self.namespace, name, _status(pod))


def _status(pod: Pod) -> Document:
    if pod.started is None:
        return {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {}}}]}
    at = datetime.fromtimestamp(int(pod.started), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"phase": "Running", "containerStatuses": [{"state": {"running": {"startedAt": at}}}]}
