"""The status of workloads and pods, as the controllers and kubelets of a cluster would write it."""

import hashlib

from local.kubernetes.documents import Document, Json, array, child, dump, text, texts
from local.kubernetes.kinds import DEFINITION, Kind
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, POD, STATEFUL_SET

HOLD_STATUS = "local/hold-status"
"""An object with this annotation, of whatever value, keeps its status as it is."""

_NODES = 1
_ROLLED = (("Available", "MinimumReplicasAvailable"), ("Progressing", "NewReplicaSetAvailable"))
_STARTED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def status(kind: Kind, document: Document, now: str) -> Document | None:
    """Return the status as if all pods of the object's template ran; None if there is no change."""
    metadata, before = child(document, "metadata"), child(document, "status")
    if HOLD_STATUS in texts(metadata, "annotations"):
        return None
    if kind is POD:
        return None if "startTime" in before else {**before, **_pod(now)}
    if kind is DEFINITION:
        return (
            None
            if before
            else {"conditions": [_condition("Established", "InitialNamesAccepted", now)]}
        )
    if kind not in _STATUSES:
        return None
    wanted: Document = {
        "observedGeneration": metadata["generation"],
        **_STATUSES[kind](document),
    }
    counts = {key: value for key, value in before.items() if key != "conditions"}
    if counts == wanted:
        return None
    if kind is DEPLOYMENT:
        wanted["conditions"] = array(_condition(name, why, now) for name, why in _ROLLED)
    return wanted


def _replicas(document: Document) -> Json:
    return child(document, "spec").get("replicas")


def _deployment(document: Document) -> Document:
    fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    replicas = _replicas(document)
    return dict.fromkeys(fields, replicas) if replicas else {}


def _stateful_set(document: Document) -> Document:
    fields = ("currentReplicas", "readyReplicas", "updatedReplicas")
    replicas = _replicas(document)
    template = child(child(document, "spec"), "template")
    digest = hashlib.sha256(dump(template)).hexdigest()[:10]
    revision = f"{text(child(document, 'metadata'), 'name')}-{digest}"
    return {
        "replicas": replicas,
        "availableReplicas": replicas,
        **(dict.fromkeys(fields, replicas) if replicas else {}),
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
    }


def _daemon_set(_: Document) -> Document:
    fields = (
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return {**dict.fromkeys(fields, _NODES), "numberMisscheduled": 0}


def _pod(now: str) -> Document:
    conditions = array(
        {"type": name, "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
        for name in _STARTED
    )
    return {"phase": "Running", "startTime": now, "conditions": conditions}


def _condition(name: str, why: str, now: str) -> Document:
    times: Document = {"lastUpdateTime": now, "lastTransitionTime": now}
    return {"type": name, "status": "True", **times, "reason": why, "message": ""}


_STATUSES = {
    DEPLOYMENT: _deployment,
    STATEFUL_SET: _stateful_set,
    DAEMON_SET: _daemon_set,
}
