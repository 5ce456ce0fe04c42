"""The rules for workloads and pods: what they need, and what of them cannot change."""

from collections.abc import Iterator

from local.kubernetes.documents import Document, Json, child, items, text, texts
from local.kubernetes.kinds import Kind
from local.kubernetes.status import Cause, invalid_value, not_allowed, required
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, POD, STATEFUL_SET, WORKLOADS

_UNMATCHED = "`selector` does not match template `labels`"
_STATEFUL_SET_MUTABLE = {
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
}
_STATEFUL_SET_FIXED = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
    "'minReadySeconds' are forbidden"
)


def faults(kind: Kind, document: Document) -> Iterator[Cause]:
    """Yield what a workload or a pod lacks; nothing for other kinds."""
    spec = child(document, "spec")
    if kind is POD:
        yield from _pod_spec(spec, "spec")
    elif kind in WORKLOADS:
        template = child(spec, "template")
        labels = texts(child(template, "metadata"), "labels")
        wanted = texts(child(spec, "selector"), "matchLabels")
        if "selector" not in spec and kind is not DAEMON_SET:
            yield required("spec.selector")
        if not wanted or not wanted.items() <= labels.items():
            shown: Json = {**labels} or None
            yield invalid_value("spec.template.metadata.labels", shown, _UNMATCHED)
        yield from _pod_spec(child(template, "spec"), "spec.template.spec")


def fixed_faults(kind: Kind, old: Document, new: Document) -> Iterator[Cause]:
    """Yield the forbidden changes; those of a StatefulSet are told in one sentence."""
    before, after = child(old, "spec"), child(new, "spec")
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    if kind is STATEFUL_SET and changed - _STATEFUL_SET_MUTABLE:
        yield not_allowed("spec", _STATEFUL_SET_FIXED)
    elif kind is DEPLOYMENT and "selector" in changed:
        yield invalid_value("spec.selector", after.get("selector"), "field is immutable")


def _pod_spec(spec: Document, where: str) -> Iterator[Cause]:
    if not items(spec, "containers"):
        yield required(f"{where}.containers")
    for key in ("containers", "initContainers"):
        for index, container in enumerate(items(spec, key)):
            for name in ("name", "image"):
                if not text(container, name):
                    yield required(f"{where}.{key}[{index}].{name}")
