"""Parses the JSON of workloads and of pods into the types that restarts are decided by.

Each function raises ValueError, KeyError, TypeError or AttributeError for anything else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sync.adapters.kubernetes.workload_json import (
    ContainerJson,
    MetadataJson,
    PodJson,
    SpecJson,
    StrategyJson,
    WorkloadJson,
)
from sync.core.reasons import Reason
from sync.rollout.record import RECORD_ANNOTATION, parse
from sync.rollout.selector import Requirement, Selector
from sync.rollout.uses import APPLICATION, Use, uses_of
from sync.rollout.workloads import Kind, Place, Pod, Progress, Workload

_COMPLETED = "NewReplicaSetAvailable"
"""Why a Deployment's condition `Progressing` holds once a rollout is through, also later."""

_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Template:
    """What a workload's pods are made of."""

    uses: tuple[Use, ...]
    annotations: Mapping[str, str]
    selector: Selector

    @classmethod
    def of(cls, spec: SpecJson) -> "Template":
        """Parse the template, and the selector that goes with it."""
        template = spec.get("template") or {}
        metadata = template.get("metadata") or {}
        annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
        uses = uses_of(template.get("spec") or {})
        marked = [
            Use(each[APPLICATION], None, optional=True)
            for each in (labels, annotations)
            if APPLICATION in each
        ]
        return cls((*uses, *dict.fromkeys(marked)), annotations, _selector(spec))


def workloads(place: Place, found: Mapping[Kind, Iterable[WorkloadJson]]) -> Iterator[Workload]:
    """Yield the workloads that are not being deleted.

    A Rollout may take its template from a Deployment, which then makes no pods of its own and is
    left out.
    """
    deployments = {each["metadata"]["name"]: each for each in found.get(Kind.DEPLOYMENT, ())}
    borrowed: set[str] = set()
    for each in found.get(Kind.ROLLOUT, ()):
        name = reference(each)
        borrowed |= {name} if name else set()
        lender = deployments.get(name or "")
        template = Template.of((lender or each)["spec"])
        if not _is_going(each):
            yield workload(place, Kind.ROLLOUT, each, template)
    for kind, listed in found.items():
        for each in listed:
            if kind is Kind.ROLLOUT or _is_going(each):
                continue
            if kind is not Kind.DEPLOYMENT or each["metadata"]["name"] not in borrowed:
                yield workload(place, kind, each, Template.of(each["spec"]))


def reference(rollout: WorkloadJson) -> str | None:
    """Return the Deployment from which a Rollout takes its template, None if it has its own."""
    of = rollout["spec"].get("workloadRef")
    return of["name"] if of and of["kind"] == "Deployment" else None


def workload(place: Place, kind: Kind, found: WorkloadJson, template: Template) -> Workload:
    """Return one workload with the template of its pods."""
    metadata, spec = found["metadata"], found["spec"]
    annotations = metadata.get("annotations") or {}
    common = Workload(
        place=place,
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        created=int(_epoch(metadata["creationTimestamp"])),
        uses=template.uses,
        selector=template.selector,
        replicas=_number(spec.get("replicas"), 1),
        pods=0,
        record=parse(annotations.get(RECORD_ANNOTATION)),
        annotations=annotations,
        template_annotations=template.annotations,
        owner=_owner(metadata),
    )
    match kind:
        case Kind.DEPLOYMENT:
            return _deployment(common, found)
        case Kind.STATEFUL_SET:
            return _stateful_set(common, found)
        case Kind.DAEMON_SET:
            return _daemon_set(common, found)
        case Kind.ROLLOUT:
            return _rollout(common, found)


def pods(found: Iterable[PodJson]) -> Iterator[Pod]:
    """Yield the pods that have not ended and are not being deleted."""
    for each in found:
        metadata, status = each["metadata"], each.get("status") or {}
        if "deletionTimestamp" in metadata or status.get("phase") in _ENDED:
            continue
        containers = [_started(c) for c in status.get("containerStatuses") or ()]
        before = [_started(c) for c in status.get("initContainerStatuses") or ()]
        started = [at for at in (*before, *containers) if at is not None]
        all_started = bool(containers) and None not in containers
        last = max(started) if all_started else None
        yield Pod(metadata.get("labels") or {}, min(started, default=None), last)


def _deployment(common: Workload, found: WorkloadJson) -> Workload:
    spec, status = found["spec"], found.get("status") or {}
    updated, there = _number(status.get("updatedReplicas")), _number(status.get("replicas"))
    replaced = _is_seen(found) and updated >= common.replicas and there <= updated
    available = _number(status.get("availableReplicas")) >= common.replicas
    completed = any(
        each["type"] == "Progressing" and each.get("reason") == _COMPLETED
        for each in status.get("conditions") or ()
    )
    return replace(
        common,
        pods=there,
        progress=Progress(replaced, complete=replaced and (available or completed)),
        obstacle=Reason.WORKLOAD_PAUSED if spec.get("paused") else None,
    )


def _stateful_set(common: Workload, found: WorkloadJson) -> Workload:
    strategy, status = found["spec"].get("updateStrategy") or {}, found.get("status") or {}
    there, newest = _number(status.get("replicas")), status.get("updateRevision")
    completed = newest is not None and newest == status.get("currentRevision")
    updated = _number(status.get("updatedReplicas")) >= common.replicas
    replaced = _is_seen(found) and (updated or completed)
    ready = _number(status.get("readyReplicas")) >= common.replicas
    obstacle = _on_delete(strategy)
    if obstacle is None and _number((strategy.get("rollingUpdate") or {}).get("partition")):
        obstacle = Reason.WORKLOAD_PARTITIONED
    complete = replaced and (ready or completed)
    return replace(common, pods=there, progress=Progress(replaced, complete), obstacle=obstacle)


def _daemon_set(common: Workload, found: WorkloadJson) -> Workload:
    strategy, status = found["spec"].get("updateStrategy") or {}, found.get("status") or {}
    wanted = _number(status.get("desiredNumberScheduled"))
    replaced = _is_seen(found) and _number(status.get("updatedNumberScheduled")) >= wanted
    complete = replaced and _number(status.get("numberAvailable")) >= wanted
    return replace(
        common,
        replicas=wanted,
        pods=_number(status.get("currentNumberScheduled")),
        progress=Progress(replaced, complete),
        obstacle=_on_delete(strategy),
    )


def _rollout(common: Workload, found: WorkloadJson) -> Workload:
    """Parse an Argo Rollout: its restart does not wait for a canary, nor for a pause."""
    status, restart_at = found.get("status") or {}, found["spec"].get("restartAt")
    restarted = restart_at is None or restart_at == status.get("restartedAt")
    available = _number(status.get("availableReplicas")) >= common.replicas
    return replace(
        common,
        pods=_number(status.get("replicas")),
        progress=Progress(complete=restarted and available),
        restart_at=restart_at,
    )


def _is_going(found: WorkloadJson) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _is_seen(found: WorkloadJson) -> bool:
    """Return whether the controller has seen the present spec."""
    observed = (found.get("status") or {}).get("observedGeneration", 0)
    return int(observed) >= found["metadata"].get("generation", 0)


def _on_delete(strategy: StrategyJson) -> Reason | None:
    return Reason.WORKLOAD_ON_DELETE if strategy.get("type") == "OnDelete" else None


def _owner(metadata: MetadataJson) -> str:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            group = owner["apiVersion"].rpartition("/")[0]
            return (
                f"{owner['kind']}.{group}/{owner['name']}"
                if group
                else (f"{owner['kind']}/{owner['name']}")
            )
    return ""


def _selector(spec: SpecJson) -> Selector:
    found = spec.get("selector") or {}
    return Selector(
        found.get("matchLabels") or {},
        tuple(
            Requirement(each["key"], each["operator"], frozenset(each.get("values") or ()))
            for each in found.get("matchExpressions") or ()
        ),
    )


def _started(container: ContainerJson) -> float | None:
    state = container.get("state") or {}
    at = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return None if at is None else _epoch(at)


def _number(value: int | None, otherwise: int = 0) -> int:
    return otherwise if value is None else int(value)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
