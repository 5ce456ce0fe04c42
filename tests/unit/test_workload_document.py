"""How far a rollout is, when pods started and who owns a workload, by the JSON of each kind."""

import json
from collections.abc import Mapping

import pytest

from sync.adapters.kubernetes.workload_document import pods, workloads
from sync.rollout.uses import Use
from sync.rollout.workloads import Kind, Pod, Progress, Workload
from tests.kit.workloads import PLACE


def _read(
    kind: Kind,
    status: Mapping[str, object],
    spec: Mapping[str, object] | None = None,
    **metadata: object,
) -> Workload:
    about = {
        "name": "w",
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 2,
    }
    document = {"metadata": {**about, **metadata}, "spec": spec or {}, "status": status}
    (found,) = workloads(PLACE, {kind: json.loads(json.dumps([document]))})
    return found


_OLD = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
_SEEN = {**_OLD, "observedGeneration": 2}
_THROUGH = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
_NODES = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 3,
    "currentNumberScheduled": 3,
    "updatedNumberScheduled": 3,
    "numberAvailable": 3,
}
_REVISIONS = {"currentRevision": "w-1", "updateRevision": "w-2"}


@pytest.mark.parametrize(
    ("kind", "status", "progress"),
    [
        (Kind.DEPLOYMENT, _SEEN, (True, True)),
        (Kind.DEPLOYMENT, _OLD, (False, False)),
        (Kind.DEPLOYMENT, {**_SEEN, "replicas": 2}, (False, False)),
        (Kind.DEPLOYMENT, {**_SEEN, "updatedReplicas": 0}, (False, False)),
        (Kind.DEPLOYMENT, {**_SEEN, "availableReplicas": 0}, (True, False)),
        (
            Kind.DEPLOYMENT,
            {**_SEEN, "availableReplicas": 0, "conditions": [_THROUGH]},
            (True, True),
        ),
        (Kind.DEPLOYMENT, {}, (False, False)),
        (Kind.STATEFUL_SET, {**_SEEN, "readyReplicas": 1, **_REVISIONS}, (True, True)),
        (Kind.STATEFUL_SET, {**_SEEN, "readyReplicas": 0, **_REVISIONS}, (True, False)),
        (Kind.STATEFUL_SET, {**_SEEN, "updatedReplicas": 0, **_REVISIONS}, (False, False)),
        (Kind.STATEFUL_SET, {**_SEEN, **_REVISIONS, "updateRevision": "w-1"}, (True, True)),
        (Kind.STATEFUL_SET, _OLD, (False, False)),
        (Kind.DAEMON_SET, _NODES, (True, True)),
        (Kind.DAEMON_SET, {**_NODES, "numberAvailable": 2}, (True, False)),
        (Kind.DAEMON_SET, {**_NODES, "updatedNumberScheduled": 2}, (False, False)),
        (Kind.ROLLOUT, _SEEN, (True, True)),
        (Kind.ROLLOUT, {**_SEEN, "availableReplicas": 0}, (True, False)),
    ],
)
def test_progress_is_read(
    kind: Kind, status: Mapping[str, object], progress: tuple[bool, bool]
) -> None:
    """Whether an older template has pods left, and whether all are available or once were."""
    assert _read(kind, status).progress == Progress(*progress)


@pytest.mark.parametrize(("restarted", "complete"), [("T1", False), ("T2", True)])
def test_an_argo_rollout_is_complete_once_it_has_restarted(
    restarted: str, *, complete: bool
) -> None:
    """Its status says up to which time."""
    status = {**_SEEN, "restartedAt": restarted}
    assert _read(Kind.ROLLOUT, status, {"restartAt": "T2"}).progress.complete is complete


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ({"apiVersion": "serving.knative.dev/v1", "controller": True}, "K.serving.knative.dev/o"),
        ({"apiVersion": "v1", "controller": True}, "K/o"),
        ({"apiVersion": "v1"}, ""),
    ],
)
def test_the_controlling_owner_is_read(owner: Mapping[str, object], told: str) -> None:
    """Other owners only have it deleted with them."""
    references = [{"kind": "K", "name": "o", **owner}]
    assert _read(Kind.DEPLOYMENT, _SEEN, ownerReferences=references).owner == told


@pytest.mark.parametrize("mark", ["labels", "annotations"])
def test_the_mark_of_env_from_is_a_use(mark: str) -> None:
    """The policy adds the Secret to the pods, and the template does not show it."""
    spec = {"template": {"metadata": {mark: {"keyvault-sync/application": "orders"}}}}
    found = _read(Kind.DEPLOYMENT, _SEEN, spec)
    assert found.uses == (Use("orders", None, optional=True),)


def test_what_is_being_deleted_is_left_out() -> None:
    """Workloads and pods, and pods that have ended."""
    going = {"metadata": {"name": "w", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}}
    listed = json.loads(json.dumps([going]))
    assert list(workloads(PLACE, dict.fromkeys(Kind, listed))) == []
    assert list(pods(listed)) == []
    assert list(pods([{"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}}])) == []


@pytest.mark.parametrize(
    ("init", "containers", "first", "last"),
    [
        ([], [], None, None),
        ([], ["waiting"], None, None),
        ([], ["running"], 10.0, 10.0),
        (["terminated"], ["running"], 10.0, 10.0),
        (["terminated"], ["waiting"], 10.0, None),
        ([], ["running", "waiting"], 10.0, None),
    ],
)
def test_a_pod_starts_with_its_containers(
    init: list[str], containers: list[str], first: float | None, last: float | None
) -> None:
    """From the first to the last one; one that waits for a key has not started."""

    def statuses(states: list[str]) -> list[object]:
        at = {"startedAt": "1970-01-01T00:00:10Z"}
        return [{"state": {state: {} if state == "waiting" else at}} for state in states]

    status = {"containerStatuses": statuses(containers), "initContainerStatuses": statuses(init)}
    pod = {"metadata": {"name": "p"}, "status": status}
    assert list(pods(json.loads(json.dumps([pod])))) == [Pod({}, first, last)]
