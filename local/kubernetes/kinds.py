"""The kinds of this server, with the structure for merging and ownership."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is owned and replaced as a whole."""

    type: str = "string"


@dataclass(frozen=True, slots=True)
class Struct:
    """A mapping with known fields."""

    fields: Mapping[str, "Node"]


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping with keys chosen by the user, each owned separately."""

    element: Leaf = field(default_factory=Leaf)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list of mappings identified by one key; an item is owned as a whole."""

    key: str
    item: Struct


@dataclass(frozen=True, slots=True)
class Members:
    """A list of strings that is a set."""

    element: Leaf = field(default_factory=Leaf)


type Node = Leaf | Struct | Map | Keyed | Members

_STRING = Leaf()
_OWNER = Struct(
    {
        "apiVersion": _STRING,
        "kind": _STRING,
        "name": _STRING,
        "uid": _STRING,
        "controller": Leaf("boolean"),
        "blockOwnerDeletion": Leaf("boolean"),
    }
)
_METADATA = Struct(
    {
        "name": _STRING,
        "generateName": _STRING,
        "namespace": _STRING,
        "selfLink": _STRING,
        "uid": _STRING,
        "resourceVersion": _STRING,
        "generation": Leaf("integer"),
        "creationTimestamp": _STRING,
        "deletionTimestamp": _STRING,
        "deletionGracePeriodSeconds": Leaf("integer"),
        "labels": Map(),
        "annotations": Map(),
        "ownerReferences": Keyed("uid", _OWNER),
        "finalizers": Members(),
        "managedFields": Leaf("list"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of kubectl's table: the values of the fields, joined by a slash."""

    name: str
    fields: tuple[str, ...]
    form: Literal["text", "count", "age"] = "text"


_AGE = Column("Age", ("metadata.creationTimestamp",), "age")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its names, its structure, and its columns. A new kind is a row here."""

    name: str
    plural: str
    schema: Struct
    group: str = ""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (_AGE,)
    selectable: str = ""
    """The field, besides name and namespace, that a field selector may use."""
    reset: str = ""
    """The field that only the server writes, and that nobody owns."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The immutable fields, and the server's message for a change."""

    @property
    def api_version(self) -> str:
        """The version as written in objects."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def root(self) -> str:
        """The path below which the API serves the kind."""
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"

    @property
    def resource(self) -> str:
        """The plural as qualified in messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def label(self) -> str:
        """The name as qualified in messages."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of an object, or of a namespace's collection."""
        where = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{where}/{self.plural}" + (f"/{name}" if name else "")


def _object(**fields: Node) -> Struct:
    return Struct({"apiVersion": _STRING, "kind": _STRING, "metadata": _METADATA, **fields})


SECRET = Kind(
    "Secret",
    "secrets",
    _object(data=Map(Leaf("bytes")), stringData=Map(), type=_STRING, immutable=Leaf("boolean")),
    columns=(Column("Type", ("type",)), Column("Data", ("data",), "count"), _AGE),
    selectable="type",
    fixed={"type": "field is immutable"},
)
NAMESPACE = Kind(
    "Namespace",
    "namespaces",
    _object(
        spec=Struct({"finalizers": Leaf("list")}),
        status=Struct({"phase": _STRING, "conditions": Leaf("list")}),
    ),
    namespaced=False,
    short_names=("ns",),
    columns=(Column("Status", ("status.phase",)), _AGE),
    selectable="status.phase",
    reset="status",
)
RBAC = "rbac.authorization.k8s.io"
ROLE = Kind(
    "Role",
    "roles",
    _object(rules=Leaf("list")),
    RBAC,
    columns=(Column("Created At", ("metadata.creationTimestamp",)),),
)
ROLE_BINDING = Kind(
    "RoleBinding",
    "rolebindings",
    _object(roleRef=Leaf("object"), subjects=Leaf("list")),
    RBAC,
    columns=(Column("Role", ("roleRef.kind", "roleRef.name")), _AGE),
    fixed={"roleRef": "cannot change roleRef"},
)
KINDS: Mapping[str, Kind] = {kind.plural: kind for kind in (NAMESPACE, SECRET, ROLE, ROLE_BINDING)}
