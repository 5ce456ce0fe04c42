"""Deployments in the stack's cluster that read a place's Secret, and the right to restart them."""

from local.kubernetes import Write
from local.kubernetes.controllers import HOLD_STATUS
from local.kubernetes.documents import (
    Document,
    Json,
    array,
    child,
    items,
    parse_json,
    texts,
    words,
)
from local.kubernetes.workloads import DEPLOYMENT
from local.role import Rights
from local.stack import APP_USER
from tests.kit.site import StackSite

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
_RUNNING: Document = {"observedGeneration": 10_000, **dict.fromkeys(_COUNTS, 1)}
"""What a controller says of one pod, where an API server has none: also of later templates."""

_RESTART: Document = {"keyvault-sync/restart": "true"}


def allow_restarts(place: StackSite, *, without: str = "") -> None:
    """Let the app restart the workloads of the place's namespace, without some verb on them."""
    shipped = Rights.shipped(place.namespace, APP_USER, [place.secret], components=["restart"])
    secrets, *others = items(shipped.role, "rules")
    rules = [
        {**rule, "verbs": array(verbs)}
        for rule in others
        if (verbs := [verb for verb in words(rule, "verbs") if verb != without])
    ]
    role: Document = {**shipped.role, "rules": array([secrets, *rules])}
    place.stack.cluster.bind(role, shipped.binding)


def deploy(
    place: StackSite,
    name: str,
    *keys: str,
    annotations: Document = _RESTART,
    optional: bool = False,
    **spec: Json,
) -> None:
    """Make a Deployment whose pods take these keys of the place's Secret as variables."""
    variables: list[Json] = [
        {
            "name": f"V{number}",
            "valueFrom": {"secretKeyRef": {"name": place.secret, "key": key, "optional": optional}},
        }
        for number, key in enumerate(keys)
    ]
    labels: Document = {"app": name}
    container: Document = {"name": "main", "image": "example/web", "env": variables}
    body: Document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": place.namespace, "annotations": annotations},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }
    place.stack.cluster.create(DEPLOYMENT, place.namespace, body, Write("kubectl"))
    start(place, name)


def start(place: StackSite, name: str) -> None:
    """Have the pods of a Deployment's present and later templates run."""
    place.stack.cluster.write_status(DEPLOYMENT, place.namespace, name, _RUNNING)


def hold(place: StackSite, name: str) -> None:
    """Keep a Deployment's status from now on: of its present template all pods run."""
    _annotate(place, name, {HOLD_STATUS: "true"})
    found = deployed(place, name)
    seen: Document = {"observedGeneration": child(found, "metadata")["generation"]}
    status: Document = {**child(found, "status"), **seen}
    place.stack.cluster.write_status(DEPLOYMENT, place.namespace, name, status)


def release(place: StackSite, name: str) -> None:
    """Have the Deployment's controller go on."""
    _annotate(place, name, {HOLD_STATUS: None})
    start(place, name)


def _annotate(place: StackSite, name: str, annotations: Document) -> None:
    patch: Document = {"metadata": {"annotations": annotations}}
    place.stack.cluster.patch(DEPLOYMENT, place.namespace, name, "merge", patch, Write("kubectl"))


def deployed(place: StackSite, name: str) -> Document:
    """Return a Deployment."""
    return place.stack.cluster.document(DEPLOYMENT, place.namespace, name)


def restarted_for(place: StackSite, name: str) -> str | None:
    """Return what a Deployment's template was restarted for, None if it never was."""
    template = child(child(deployed(place, name), "spec"), "template")
    return texts(child(template, "metadata"), "annotations").get("keyvault-sync/restarted-for")


def recorded(place: StackSite, name: str) -> Json:
    """Return what a Deployment remembers, None if it remembers nothing."""
    annotations = texts(child(deployed(place, name), "metadata"), "annotations")
    record = annotations.get("keyvault-sync/restart-state")
    return None if record is None else parse_json(record.encode())
