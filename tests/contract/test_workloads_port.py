"""The port Workloads, on the emulator and on a real API server."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, Json, child, texts
from local.kubernetes.kinds import Kind as Resource
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, POD, STATEFUL_SET
from sync.adapters.kubernetes.workloads import KubernetesWorkloads
from sync.core.errors import Conflict
from sync.core.reasons import Reason
from sync.rollout.record import Record
from sync.rollout.uses import Use
from sync.rollout.workloads import Kind, Place, Workload, Write
from tests.contract.api_servers import APPLY, MERGE, ApiServer
from tests.contract.definitions import ROLLOUTS, serve
from tests.contract.test_cluster_port import connect
from tests.kit.errors import raises
from tests.kit.fakes import Clock
from tests.kit.scripted import soon

_RESOURCES = {
    Kind.DEPLOYMENT: DEPLOYMENT,
    Kind.STATEFUL_SET: STATEFUL_SET,
    Kind.DAEMON_SET: DAEMON_SET,
}
_KINDS = pytest.mark.parametrize("kind", _RESOURCES)
_RECORD = Record({"orders": {"a": 1500}}, 1600)


@dataclass(frozen=True, slots=True)
class Port:
    """The port, aimed at one namespace, and the server behind it."""

    workloads: KubernetesWorkloads
    place: Place
    server: ApiServer
    clock: Clock

    def make(self, resource: Resource, name: str = "w", **spec: Json) -> Document:
        """Let somebody make a workload that reads two keys."""
        return self.post(resource, name, {**_spec(name), **spec})

    def post(self, resource: Resource, name: str, spec: Document) -> Document:
        """Let somebody make a workload."""
        body: Document = {
            "apiVersion": resource.api_version,
            "kind": resource.name,
            "metadata": {"name": name, "annotations": {"keyvault-sync/restart": "true"}},
            "spec": spec,
        }
        made = self.server.call("POST", resource.path(self.place.namespace), body)
        assert made.status == 201, made.message
        return made.body

    def listed(self, name: str = "w") -> Workload:
        """List the namespace, and return one workload."""
        found = self.workloads.list(self.place, soon())
        return next(each for each in found if each.name == name)

    def look(self, resource: Resource, name: str = "w") -> Document:
        """Return the object."""
        return self.server.call("GET", resource.path(self.place.namespace, name)).body

    def patch(self, resource: Resource, body: Document, media: str = MERGE) -> None:
        """Change the workload as another manager does, by force."""
        forced = {"force": "true"} if media == APPLY else {}
        path = resource.path(self.place.namespace, "w")
        query = {"fieldManager": "other", **forced}
        answer = self.server.call("PATCH", path, body, media=media, query=query)
        assert answer.status == 200, answer.message


def _spec(name: str) -> Document:
    labels: Document = {"app": name}
    variable: Document = {
        "name": "A",
        "valueFrom": {"secretKeyRef": {"name": "orders", "key": "a"}},
    }
    container: Document = {
        "name": "main",
        "image": "registry.example/a",
        "env": [variable],
        "volumeMounts": [{"name": "files", "mountPath": "/files", "subPath": "b"}],
    }
    volume: Document = {"name": "files", "secret": {"secretName": "billing"}}
    pod: Document = {"containers": [container], "volumes": [volume]}
    return {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }


def _template(found: Document) -> dict[str, str]:
    return texts(child(child(child(found, "spec"), "template"), "metadata"), "annotations")


@pytest.fixture
def port(api_server: ApiServer, namespace: str, tmp_path: Path) -> Port:
    """Return the port in a new namespace."""
    clock = Clock()
    workloads = KubernetesWorkloads(connect(api_server, tmp_path), clock)
    return Port(workloads, Place("main", namespace), api_server, clock)


@_KINDS
def test_a_workload_is_read_with_what_its_pods_take(port: Port, kind: Kind) -> None:
    """By the list, as by the read of one."""
    made = port.make(_RESOURCES[kind])
    found = port.listed()
    assert (found.kind, found.name, found.uid) == (kind, "w", child(made, "metadata")["uid"])
    assert found.uses == (Use("orders", "a"), Use("billing", "b", optional=True))
    assert found.selector.selects({"app": "w", "more": "x"})
    assert found.annotations["keyvault-sync/restart"] == "true"
    assert (found.record, found.restarted_for, found.owner, found.obstacle) == (
        None,
        None,
        "",
        None,
    )
    again = port.workloads.read(found, soon())
    assert again is not None
    assert (again.uid, again.uses, again.created) == (found.uid, found.uses, found.created)


@_KINDS
def test_a_record_changes_no_template(port: Port, kind: Kind) -> None:
    """Neither the first nor one after a restart, whose annotation stays."""
    port.make(_RESOURCES[kind])
    port.workloads.apply(port.listed(), Write(_RECORD.text), soon())
    assert port.listed().record == _RECORD
    assert _template(port.look(_RESOURCES[kind])) == {}
    port.workloads.apply(port.listed(), Write(_RECORD.text, "orders/a@1500"), soon())
    restarted = port.look(_RESOURCES[kind])
    assert _template(restarted) == {"keyvault-sync/restarted-for": "orders/a@1500"}
    found = port.listed()
    port.workloads.apply(found, Write(Record().text, found.restarted_for), soon())
    after = port.look(_RESOURCES[kind])
    assert child(after, "spec") == child(restarted, "spec")
    assert port.listed().record == Record()


@_KINDS
def test_somebody_who_writes_in_between_wins(port: Port, kind: Kind) -> None:
    """Then the workload is read again."""
    port.make(_RESOURCES[kind])
    before = port.listed()
    port.patch(_RESOURCES[kind], {"metadata": {"labels": {"by": "other"}}})
    with raises(Conflict, Reason.CONFLICT):
        port.workloads.apply(before, Write(_RECORD.text), soon())
    again = port.workloads.read(before, soon())
    assert again is not None
    port.workloads.apply(again, Write(_RECORD.text), soon())


@_KINDS
def test_no_workload_is_made(port: Port, kind: Kind) -> None:
    """Neither one that is gone nor one that was made anew gets our annotations."""
    resource = _RESOURCES[kind]
    port.make(resource)
    before = port.listed()
    path = resource.path(port.place.namespace, "w")
    port.server.call("DELETE", path, {"propagationPolicy": "Background"})
    with raises(Conflict, Reason.CONFLICT):
        port.workloads.apply(before, Write(_RECORD.text, "x"), soon())
    assert port.workloads.read(before, soon()) is None
    port.make(resource)
    with raises(Conflict, Reason.CONFLICT):
        port.workloads.apply(before, Write(_RECORD.text, "x"), soon())
    assert port.workloads.read(before, soon()) is None
    assert port.listed().record is None


@_KINDS
def test_another_managers_apply_leaves_our_annotations(port: Port, kind: Kind) -> None:
    """Also one that has empty annotations, as some have in Git."""
    resource = _RESOURCES[kind]
    port.make(resource)
    port.workloads.apply(port.listed(), Write(_RECORD.text, "orders/a@1500"), soon())
    spec = _spec("w")
    template = child(spec, "template")
    metadata: Document = {**child(template, "metadata"), "annotations": {}}
    body: Document = {
        "apiVersion": resource.api_version,
        "kind": resource.name,
        "metadata": {"name": "w", "annotations": {}},
        "spec": {**spec, "template": {**template, "metadata": metadata}},
    }
    port.patch(resource, body, APPLY)
    port.patch(resource, body, MERGE)
    assert port.listed().restarted_for == "orders/a@1500"
    assert port.listed().record == _RECORD


def test_obstacles_are_read(port: Port) -> None:
    """A new template would not reach these pods."""
    on_delete: Document = {"type": "OnDelete"}
    partition: Document = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    port.make(DEPLOYMENT, "paused", paused=True)
    port.make(STATEFUL_SET, "on-delete", updateStrategy=on_delete)
    port.make(STATEFUL_SET, "partition", updateStrategy=partition)
    port.make(DAEMON_SET, "on-delete-2", updateStrategy=on_delete)
    assert {each.name: each.obstacle for each in port.workloads.list(port.place, soon())} == {
        "paused": Reason.WORKLOAD_PAUSED,
        "on-delete": Reason.WORKLOAD_ON_DELETE,
        "partition": Reason.WORKLOAD_PARTITIONED,
        "on-delete-2": Reason.WORKLOAD_ON_DELETE,
    }


def test_pods_are_listed(port: Port) -> None:
    """With their labels; nothing has started in one that no node runs."""
    held: Document = {"local/hold-status": ""}
    metadata: Document = {"name": "p", "labels": {"app": "w"}, "annotations": held}
    pod = child(child(_spec("w"), "template"), "spec")
    body: Document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
    made = port.server.call("POST", POD.path(port.place.namespace), body)
    assert made.status == 201, made.message
    found = port.workloads.pods(port.place, soon())
    assert found is not None
    assert [(each.labels, each.first, each.last) for each in found] == [({"app": "w"}, None, None)]


def test_without_argo_rollouts_they_are_asked_for_once_an_hour(port: Port) -> None:
    """A cluster that lacks them is no error; once they are there, they are found."""
    assert port.workloads.list(port.place, soon()) == []
    serve(port.server, ROLLOUTS)
    resource = custom_kind(ROLLOUTS)
    borrowed: Document = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "w"}
    port.make(DEPLOYMENT)
    port.make(resource, "r", restartAt="2026-01-01T00:00:00Z")
    port.post(resource, "borrows", {"workloadRef": borrowed})
    assert [each.name for each in port.workloads.list(port.place, soon())] == ["w"]
    port.clock.tick(3601)
    found = {each.name: each for each in port.workloads.list(port.place, soon())}
    assert {name: each.kind for name, each in found.items()} == {
        "r": Kind.ROLLOUT,
        "borrows": Kind.ROLLOUT,
    }
    assert (
        found["borrows"].uses
        == found["r"].uses
        == (
            Use("orders", "a"),
            Use("billing", "b", optional=True),
        )
    )
    assert found["r"].restart_at == "2026-01-01T00:00:00Z"
    write = Write(_RECORD.text, None, "2026-02-01T00:00:00Z")
    port.workloads.apply(found["r"], write, soon())
    port.workloads.apply(found["borrows"], write, soon())
    after = port.workloads.read(found["borrows"], soon())
    assert after is not None
    assert (after.restart_at, after.record) == ("2026-02-01T00:00:00Z", _RECORD)
    assert after.uses == found["borrows"].uses
    assert _template(port.look(resource, "r")) == {}
