"""The kinds that run pods: Deployments, StatefulSets, DaemonSets and Pods, and their defaults.

They are documents: nothing runs, and `controllers` writes a status as if it did.
"""

from collections.abc import Mapping
from pathlib import Path

from local.kubernetes.documents import Document, Json, array, child, items, parse_json, text
from local.kubernetes.kinds import AGE, Column, Kind
from local.kubernetes.schemas import Schemas

_FILE = Path(__file__).parent / "openapi" / "workloads.json"
APPS = "apps"


def _read() -> Document:
    document = parse_json(_FILE.read_bytes())
    assert isinstance(document, dict)
    return document


DEFINITIONS: Document = _read()
"""The OpenAPI schemas of these kinds, as Kubernetes publishes them, without descriptions."""

_SCHEMAS = Schemas(DEFINITIONS)

_NEW: Mapping[str, Document] = {
    "Deployment": {},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": dict.fromkeys(
        (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        ),
        0,
    ),
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
}
"""The status of an object that no controller has seen."""


def _columns(*counts: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, (f"status.{path}",), "number") for name, path in counts)


def _kind(name: str, group: str, short: str, columns: tuple[Column, ...]) -> Kind:
    schema = child(DEFINITIONS, f"io.k8s.api.{group or 'core'}.v1.{name}")
    strategy = "strategy" if name == "Deployment" else "updateStrategy"
    pod: Document = {"containers": None}
    template: Document = {"metadata": {}, "spec": pod}
    workload: Document = {"selector": None, strategy: {}, "template": template}
    return Kind(
        name,
        f"{name.lower()}s",
        _SCHEMAS.kind(schema),
        group,
        short_names=(short,),
        columns=(*columns, AGE),
        selectable="" if group else "spec.nodeName",
        reset="status",
        fixed={"spec.selector": "field is immutable"} if name == "DaemonSet" else {},
        counted=("spec",),
        counts_annotations=name == "Deployment",
        empty={"spec": workload if group else pod, "status": _NEW[name]},
        openapi=schema,
    )


_READY = Column("Ready", ("status.readyReplicas", "spec.replicas"), "numbers")
DEPLOYMENT = _kind(
    "Deployment",
    APPS,
    "deploy",
    (_READY, *_columns(("Up-to-date", "updatedReplicas"), ("Available", "availableReplicas"))),
)
STATEFUL_SET = _kind("StatefulSet", APPS, "sts", (_READY,))
DAEMON_SET = _kind(
    "DaemonSet",
    APPS,
    "ds",
    _columns(
        ("Desired", "desiredNumberScheduled"),
        ("Current", "currentNumberScheduled"),
        ("Ready", "numberReady"),
        ("Up-to-date", "updatedNumberScheduled"),
        ("Available", "numberAvailable"),
    ),
)
POD = _kind("Pod", "", "po", (Column("Status", ("status.phase",)),))
WORKLOADS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)

_POD_SPEC: Document = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER: Document = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Document = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_MODE: Document = {"defaultMode": 0o644}
_STRATEGIES: Mapping[str, tuple[str, Document]] = {
    "Deployment": ("strategy", {"maxUnavailable": "25%", "maxSurge": "25%"}),
    "StatefulSet": ("updateStrategy", {"partition": 0}),
    "DaemonSet": ("updateStrategy", {"maxUnavailable": 1, "maxSurge": 0}),
}
_SPECS: Mapping[str, Document] = {
    "Deployment": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "StatefulSet": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "DaemonSet": {"revisionHistoryLimit": 10},
}


def defaulted(kind: Kind, document: Document) -> Document:
    """Return the object with the server's defaults, those of seldom used fields excepted."""
    spec = child(document, "spec")
    if kind is POD:
        return {**document, "spec": _pod_spec(spec)}
    template = child(spec, "template")
    where, rolling = _STRATEGIES[kind.name]
    strategy = {"type": "RollingUpdate", **child(spec, where)}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {**rolling, **child(strategy, "rollingUpdate")}
    whole: Document = {
        "metadata": child(template, "metadata"),
        "spec": _pod_spec(child(template, "spec")),
    }
    spec = {**_SPECS[kind.name], **spec, where: strategy, "template": whole}
    return {**document, "spec": spec}


def _pod_spec(spec: Document) -> Document:
    lists: Document = {
        key: array(_container(each) for each in items(spec, key))
        for key in ("initContainers", "containers")
        if key in spec
    }
    if "volumes" in spec:
        lists["volumes"] = array(_volume(each) for each in items(spec, "volumes"))
    return {**_POD_SPEC, **spec, **lists}


def _container(container: Document) -> Document:
    tag = text(container, "image").rpartition("/")[2].partition(":")[2]
    policy = "Always" if tag in {"", "latest"} else "IfNotPresent"
    whole: Document = {"imagePullPolicy": policy, **_CONTAINER, **container}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            whole[probe] = {**_PROBE, **child(container, probe)}
    if "ports" in container:
        ports = items(container, "ports")
        whole["ports"] = array({"protocol": "TCP", **port} for port in ports)
    return whole


def _volume(volume: Document) -> Document:
    known: dict[str, Json] = {
        source: {**_MODE, **child(volume, source)}
        for source in ("secret", "configMap", "projected", "downwardAPI")
        if source in volume
    }
    return {**volume, **known}
