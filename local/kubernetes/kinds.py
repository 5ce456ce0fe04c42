"""The kinds of this server, with the structure for merging and ownership."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.kubernetes.documents import Document
from local.kubernetes.nodes import Leaf, Map, Struct, struct


@dataclass(frozen=True, slots=True)
class Column:
    """A column of kubectl's table: the values of the fields, joined by a slash."""

    name: str
    fields: tuple[str, ...]
    form: Literal["text", "count", "number", "numbers", "age"] = "text"


AGE = Column("Age", ("metadata.creationTimestamp",), "age")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of object: its names, its structure, and its columns. A new kind is a row here."""

    name: str
    plural: str
    schema: Struct = field(repr=False)
    group: str = ""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (AGE,)
    selectable: str = ""
    """The field, besides name and namespace, that a field selector may use."""
    reset: str = ""
    """The field that only the server writes, and that nobody owns."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The immutable fields, and the server's message for a change."""
    version: str = "v1"
    counted: tuple[str, ...] = ()
    """The fields whose changes move the generation, which such objects have."""
    counts_annotations: bool = False
    """Whether a change of the annotations moves it, too."""
    empty: Document = field(default_factory=dict, repr=False)
    """The fields that even an empty object has, so that no write adds them."""
    custom: bool = False
    """Whether a definition made it: a server has no types for its fields."""
    openapi: Document = field(default_factory=dict, repr=False)
    """The OpenAPI schema, unless it is made from the structure."""

    @property
    def api_version(self) -> str:
        """The version as written in objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path below which the API serves the kind."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def collection(self) -> str:
        """The path of all objects of the kind."""
        return f"{self.root}/{self.plural}"

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


SECRET = Kind(
    "Secret",
    "secrets",
    struct(data=Map(Leaf("bytes")), stringData=Map(), type=Leaf(), immutable=Leaf("boolean")),
    columns=(Column("Type", ("type",)), Column("Data", ("data",), "count"), AGE),
    selectable="type",
    fixed={"type": "field is immutable"},
)
NAMESPACE = Kind(
    "Namespace",
    "namespaces",
    struct(
        spec=Struct({"finalizers": Leaf("list")}),
        status=Struct({"phase": Leaf(), "conditions": Leaf("list")}),
    ),
    namespaced=False,
    short_names=("ns",),
    columns=(Column("Status", ("status.phase",)), AGE),
    selectable="status.phase",
    reset="status",
)
RBAC = "rbac.authorization.k8s.io"
ROLE = Kind(
    "Role",
    "roles",
    struct(rules=Leaf("list")),
    RBAC,
    columns=(Column("Created At", ("metadata.creationTimestamp",)),),
)
ROLE_BINDING = Kind(
    "RoleBinding",
    "rolebindings",
    struct(roleRef=Leaf("object"), subjects=Leaf("list")),
    RBAC,
    columns=(Column("Role", ("roleRef.kind", "roleRef.name")), AGE),
    fixed={"roleRef": "cannot change roleRef"},
)
DEFINITION = Kind(
    "CustomResourceDefinition",
    "customresourcedefinitions",
    struct(spec=Struct({}, open=True), status=Struct({}, open=True)),
    "apiextensions.k8s.io",
    namespaced=False,
    short_names=("crd", "crds"),
    columns=(Column("Created At", ("metadata.creationTimestamp",)),),
    reset="status",
    counted=("spec",),
    custom=True,
)
