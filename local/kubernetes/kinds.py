"""The kinds this server has, with the structure that merging and ownership follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is owned and replaced as a whole; `go` is its own type in Go, if any."""

    type: str = "string"
    go: str = ""


@dataclass(frozen=True, slots=True)
class Struct:
    """A mapping whose fields are known; `go` is what Go calls it, where messages say so."""

    fields: Mapping[str, "Node"]
    go: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping with keys of the user's, each owned by itself."""

    element: Leaf = field(default_factory=Leaf)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list of mappings told apart by one key; an item is owned as a whole."""

    key: str
    item: Struct


@dataclass(frozen=True, slots=True)
class Members:
    """A list of strings that is a set."""

    element: Leaf = field(default_factory=Leaf)


type Node = Leaf | Struct | Map | Keyed | Members

_STRING = Leaf()
_TIME = Leaf("string", "v1.Time")
_OWNER = Struct(
    {
        "apiVersion": _STRING,
        "kind": _STRING,
        "name": _STRING,
        "uid": Leaf("string", "types.UID"),
        "controller": Leaf("boolean"),
        "blockOwnerDeletion": Leaf("boolean"),
    },
    "OwnerReference",
)
_METADATA = Struct(
    {
        "name": _STRING,
        "generateName": _STRING,
        "namespace": _STRING,
        "selfLink": _STRING,
        "uid": Leaf("string", "types.UID"),
        "resourceVersion": _STRING,
        "generation": Leaf("integer"),
        "creationTimestamp": _TIME,
        "deletionTimestamp": _TIME,
        "deletionGracePeriodSeconds": Leaf("integer"),
        "labels": Map(),
        "annotations": Map(),
        "ownerReferences": Keyed("uid", _OWNER),
        "finalizers": Members(),
        "managedFields": Leaf("list"),
    },
    "ObjectMeta",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its names, and where it lives."""

    name: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    schema: Struct
    group: str = ""
    reset: str = ""
    """The field that only the server writes, and that nobody owns."""

    @property
    def api_version(self) -> str:
        """The version as objects state it."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def root(self) -> str:
        """The path below which the API serves the kind."""
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"

    @property
    def resource(self) -> str:
        """The plural as messages qualify it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of an object, or of a namespace's collection."""
        where = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{where}/{self.plural}" + (f"/{name}" if name else "")


def _object(fields: Mapping[str, Node]) -> Struct:
    return Struct({"apiVersion": _STRING, "kind": _STRING, "metadata": _METADATA, **fields})


SECRET = Kind(
    name="Secret",
    plural="secrets",
    singular="secret",
    namespaced=True,
    short_names=(),
    schema=_object(
        {
            "data": Map(Leaf("bytes")),
            "stringData": Map(),
            "type": Leaf("string", "v1.SecretType"),
            "immutable": Leaf("boolean"),
        }
    ),
)
NAMESPACE = Kind(
    name="Namespace",
    plural="namespaces",
    singular="namespace",
    namespaced=False,
    short_names=("ns",),
    schema=_object(
        {
            "spec": Struct({"finalizers": Leaf("list")}),
            "status": Struct({"phase": _STRING, "conditions": Leaf("list")}),
        }
    ),
    reset="status",
)
RBAC = "rbac.authorization.k8s.io"
ROLE = Kind(
    name="Role",
    plural="roles",
    singular="role",
    namespaced=True,
    short_names=(),
    schema=_object(
        {
            "rules": Leaf("list"),
        }
    ),
    group=RBAC,
)
ROLE_BINDING = Kind(
    name="RoleBinding",
    plural="rolebindings",
    singular="rolebinding",
    namespaced=True,
    short_names=(),
    schema=_object(
        {
            "roleRef": Leaf("object"),
            "subjects": Leaf("list"),
        }
    ),
    group=RBAC,
)
KINDS: Mapping[str, Kind] = {kind.plural: kind for kind in (NAMESPACE, SECRET, ROLE, ROLE_BINDING)}
