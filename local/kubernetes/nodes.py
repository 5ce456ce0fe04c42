"""The structure of objects, as merging and ownership see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is owned and replaced as a whole."""

    type: str = "string"


@dataclass(frozen=True, slots=True)
class Struct:
    """A mapping with known fields; an `open` one keeps other fields, each as a whole."""

    fields: Mapping[str, "Node"]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping with keys chosen by the user, each owned separately."""

    element: "Node" = field(default_factory=Leaf)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list of mappings identified by some keys; `missing` are the keys' defaults.

    A strategic merge patch identifies an item by the first key alone.
    """

    keys: tuple[str, ...]
    item: "Node"
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Members:
    """A list of strings that is a set."""

    element: Leaf = field(default_factory=Leaf)


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is owned and replaced as a whole."""

    element: "Node"


@dataclass(frozen=True, slots=True)
class Atomic:
    """A mapping with known fields that is owned and replaced as a whole."""

    inner: Struct


type Node = Leaf | Struct | Map | Keyed | Members | Items | Atomic

WHOLE = (Leaf, Items, Atomic)
"""The nodes that have no parts of their own for ownership and merging."""

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
METADATA = Struct(
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
        "ownerReferences": Keyed(("uid",), Atomic(_OWNER)),
        "finalizers": Members(),
        "managedFields": Leaf("list"),
    }
)


def struct(**fields: Node) -> Struct:
    """Return the structure of a kind with these fields of its own."""
    return Struct({"apiVersion": _STRING, "kind": _STRING, "metadata": METADATA, **fields})
