"""The fields of workloads and of pods that are read, as the API server sends them."""

from typing import NotRequired, TypedDict

from sync.rollout.uses import PodSpec


class _Owner(TypedDict):
    apiVersion: str
    kind: str
    name: str
    controller: NotRequired[bool]


class MetadataJson(TypedDict):
    """The metadata of a workload or a pod."""

    name: str
    uid: NotRequired[str]
    resourceVersion: NotRequired[str]
    creationTimestamp: NotRequired[str]
    deletionTimestamp: NotRequired[str]
    generation: NotRequired[int]
    labels: NotRequired[dict[str, str]]
    annotations: NotRequired[dict[str, str]]
    ownerReferences: NotRequired[list[_Owner]]


class _Expression(TypedDict):
    key: str
    operator: str
    values: NotRequired[list[str]]


class _Selector(TypedDict):
    matchLabels: NotRequired[dict[str, str]]
    matchExpressions: NotRequired[list[_Expression]]


class _PodMetadata(TypedDict):
    annotations: NotRequired[dict[str, str]]
    labels: NotRequired[dict[str, str]]


class _PodTemplate(TypedDict):
    metadata: NotRequired[_PodMetadata]
    spec: NotRequired[PodSpec]


class _Rolling(TypedDict):
    partition: NotRequired[int]


class StrategyJson(TypedDict):
    """How a workload replaces its pods."""

    type: NotRequired[str]
    rollingUpdate: NotRequired[_Rolling]


class _Reference(TypedDict):
    kind: str
    name: str


class SpecJson(TypedDict):
    """The fields of a workload's spec, of whatever kind."""

    replicas: NotRequired[int]
    paused: NotRequired[bool]
    selector: NotRequired[_Selector]
    template: NotRequired[_PodTemplate]
    updateStrategy: NotRequired[StrategyJson]
    restartAt: NotRequired[str]
    workloadRef: NotRequired[_Reference]


class _Condition(TypedDict):
    type: str
    status: str
    reason: NotRequired[str]


class _Status(TypedDict, total=False):
    observedGeneration: int | str
    replicas: int
    updatedReplicas: int
    availableReplicas: int
    readyReplicas: int
    currentRevision: str
    updateRevision: str
    desiredNumberScheduled: int
    currentNumberScheduled: int
    updatedNumberScheduled: int
    numberAvailable: int
    restartedAt: str
    conditions: list[_Condition]


class WorkloadJson(TypedDict):
    """The fields of a workload that are read."""

    metadata: MetadataJson
    spec: SpecJson
    status: NotRequired[_Status]


class _Running(TypedDict):
    startedAt: NotRequired[str]


class _ContainerState(TypedDict):
    running: NotRequired[_Running]
    terminated: NotRequired[_Running]


class ContainerJson(TypedDict):
    """The status of a pod's container."""

    state: NotRequired[_ContainerState]


class _PodStatus(TypedDict):
    phase: NotRequired[str]
    containerStatuses: NotRequired[list[ContainerJson]]
    initContainerStatuses: NotRequired[list[ContainerJson]]


class PodJson(TypedDict):
    """The fields of a pod that are read."""

    metadata: MetadataJson
    status: NotRequired[_PodStatus]
