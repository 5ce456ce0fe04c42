"""How workloads read a Secret, and what each way means, written anew without the product."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from local.kubernetes.documents import Document, array
from local.kubernetes.kinds import Kind
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, STATEFUL_SET

SECRET = "keyvault-project"
KEY = "a"
KINDS = {kind.name: kind for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}

_REFERENCE: Document = {"name": SECRET, "key": KEY}


@dataclass(frozen=True, slots=True)
class _Way:
    """Which key is read, all for None; whether a pod needs KEY to start, and sees a change."""

    key: str | None
    needed: bool
    live: bool
    container: Document = field(default_factory=dict)
    volumes: tuple[Document, ...] = ()


def _variable(**more: bool) -> Document:
    return {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {**_REFERENCE, **more}}}]}


def _mounted(**more: str) -> Document:
    return {"volumeMounts": [{"name": "v", "mountPath": "/etc/v", **more}]}


def _volume(**more: object) -> tuple[Document, ...]:
    items = array([{"key": KEY, "path": "file"}]) if more else None
    secret: Document = {"secretName": SECRET, **({"items": items} if items else {})}
    return ({"name": "v", "secret": secret},)


class Form(Enum):
    """The ways in which a workload reads the Secret."""

    ENV = _Way(KEY, needed=True, live=False, container=_variable())
    OPTIONAL = _Way(KEY, needed=False, live=False, container=_variable(optional=True))
    ALL = _Way(
        None,
        needed=False,
        live=False,
        container={"envFrom": [{"secretRef": {"name": SECRET}}]},
    )
    BOTH = _Way(
        None,
        needed=True,
        live=False,
        container={**_variable(), "envFrom": [{"secretRef": {"name": SECRET}}]},
    )
    FILE = _Way(KEY, needed=True, live=True, container=_mounted(), volumes=_volume(items=True))
    FILES = _Way(None, needed=False, live=True, container=_mounted(), volumes=_volume())
    SUB_PATH = _Way(
        KEY, needed=False, live=False, container=_mounted(subPath=KEY), volumes=_volume()
    )

    def keys(self, there: Iterable[str]) -> set[str]:
        """Return the keys that are read of those that are there."""
        return {key for key in there if self.value.key in {None, key}}

    def needs(self, key: str) -> bool:
        """Tell whether a pod does not start without a key."""
        return self.value.needed and key == KEY

    def starts_with(self, data: Mapping[str, bytes] | None) -> bool:
        """Tell whether a pod starts; None for no Secret."""
        if data is None:
            return self is Form.OPTIONAL
        return not self.value.needed or KEY in data


@dataclass(frozen=True, slots=True)
class Reader:
    """A workload that reads the Secret; `asks` is what its annotation says, empty for none."""

    name: str
    kind_name: str
    form: Form
    asks: str

    @property
    def kind(self) -> Kind:
        """Its kind."""
        return KINDS[self.kind_name]

    @property
    def is_restarted(self) -> bool:
        """Whether the app restarts it for a change."""
        return self.asks == "true" or (self.asks == "env" and not self.form.value.live)

    def manifest(self) -> Document:
        """Return the workload as somebody applies it."""
        labels: Document = {"app": self.name}
        way = self.form.value
        pods: Document = {
            "containers": [{"name": "c", "image": "registry.example/c:1", **way.container}],
            **({"volumes": array(way.volumes)} if way.volumes else {}),
        }
        template: Document = {"metadata": {"labels": labels}, "spec": pods}
        spec: Document = {"selector": {"matchLabels": labels}, "template": template}
        if self.kind is not DAEMON_SET:
            spec["replicas"] = 2
        if self.kind is STATEFUL_SET:
            spec["serviceName"] = self.name
        annotations: Document = {"keyvault-sync/restart": self.asks} if self.asks else {}
        return {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "metadata": {"name": self.name, "annotations": annotations},
            "spec": spec,
        }
