"""Field sets: which fields a document has, how two documents differ, and merging by field.

A path is a tuple of elements spelled as FieldsV1 spells them: `f:name`, `k:{"uid":"…"}`, `v:"…"`.
The rules are those of structured merge-diff, for the structures that `kinds` knows.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from local.kubernetes.documents import Document, Json, array, dump
from local.kubernetes.nodes import (
    WHOLE,
    Atomic,
    Items,
    Keyed,
    Leaf,
    Map,
    Members,
    Node,
    Struct,
)

type Path = tuple[str, ...]
type Paths = frozenset[Path]

_SELF = "."


class TypeMismatchError(ValueError):
    """A document that does not have its kind's structure."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The fields that were added, removed, and changed."""

    added: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)


class _Item(NamedTuple):
    element: str
    key: str
    node: Node
    value: Json


def _children(node: Node, value: Json) -> Iterator[_Item]:
    """Yield the parts of the value; nothing for a leaf."""
    match node, value:
        case Struct(fields), dict():
            for key, item in value.items():
                yield _Item(f"f:{key}", key, fields.get(key, _UNKNOWN), item)
        case Map(element), dict():
            for key, item in value.items():
                yield _Item(f"f:{key}", key, element, item)
        case Keyed(item=element), list():
            for item in value:
                if isinstance(item, dict):
                    element_name = f"k:{_identity(node, item)}"
                    yield _Item(element_name, element_name, element, item)
        case Members(), list():
            for item in value:
                element_name = "v:" + dump(item).decode()
                yield _Item(element_name, element_name, _UNKNOWN, item)
        case _:
            return


_UNKNOWN = Leaf()
_ANYTHING = Leaf("any")


def _identity(node: Keyed, item: Document) -> str:
    return dump({key: item.get(key, node.missing.get(key)) for key in sorted(node.keys)}).decode()


def field_set(node: Node, value: Json, path: Path = ()) -> Iterator[Path]:
    """Yield the fields that an applied document claims."""
    if isinstance(node, WHOLE):
        yield path
        return
    in_list = isinstance(node, Keyed | Members)
    for item in _children(node, value):
        below = (*path, item.element)
        if isinstance(item.node, WHOLE) or item.value is None or item.value == {}:
            yield below
        else:
            if in_list or isinstance(node, Map):
                yield below
            yield from field_set(item.node, item.value, below)


def compare(node: Node, old: Json, new: Json) -> Comparison:
    """Compare two documents field by field."""
    found = Comparison()
    _compare(node, old, new, (), found)
    return found


def _compare(node: Node, old: Json, new: Json, path: Path, found: Comparison) -> None:
    if isinstance(node, WHOLE) or (not old and not new):
        if old != new:
            found.modified.add(path)
        return
    before = {item.element: item for item in _children(node, old)}
    after = {item.element: item for item in _children(node, new)}
    for element, item in before.items():
        other = after.get(element)
        if other is None:
            _collect(item.node, item.value, (*path, element), found.removed)
        elif item.value is not other.value:
            _compare(item.node, item.value, other.value, (*path, element), found)
    for element, item in after.items():
        if element not in before:
            _collect(item.node, item.value, (*path, element), found.added)


def _collect(node: Node, value: Json, path: Path, into: set[Path]) -> None:
    into.add(path)
    for item in _children(node, value):
        _collect(item.node, item.value, (*path, item.element), into)


def merge(node: Node, live: Json, applied: Json) -> Json:
    """Merge the applied document into the live one."""
    match node, live, applied:
        case Struct() | Map(), dict(), dict():
            merged = dict(live)
            for item in _children(node, applied):
                if item.key in live:
                    merged[item.key] = merge(item.node, live[item.key], item.value)
                else:
                    merged[item.key] = item.value
            return merged
        case Keyed() | Members(), list(), list():
            before = {item.element: item for item in _children(node, live)}
            after = {item.element: item for item in _children(node, applied)}
            return array(
                merge(after[each].node, before[each].value, after[each].value)
                if each in before and each in after
                else (after.get(each) or before[each]).value
                for each in _ordered(list(before), list(after))
            )
        case Leaf() | Items() | Atomic(), _, _:
            return applied
        case _:
            return live if applied is None else applied


def _ordered(live: list[str], applied: list[str]) -> Iterator[str]:
    """Yield each item once: in the applied order, those that only the live list has in between."""
    waiting = deque(applied)
    shared = deque(each for each in applied if each in live)
    for each in live:
        if each not in applied:
            yield each
        elif shared and each == shared[0]:
            shared.popleft()
            while (next_one := waiting.popleft()) != each:
                yield next_one
            yield each
    yield from waiting


def remove(node: Node, value: Json, paths: Paths, path: Path = ()) -> Json:
    """Return the value without those fields; what loses its last item stays, as None."""
    if isinstance(node, WHOLE) or not value:
        return value
    kept: list[tuple[str, Json]] = []
    for item in _children(node, value):
        below = (*path, item.element)
        if below in paths:
            continue
        kept.append((item.key, remove(item.node, item.value, paths, below)))
    if not kept:
        return None
    return dict(kept) if isinstance(value, dict) else array(item for _, item in kept)


def with_named_parents(node: Node, paths: Paths) -> Paths:
    """Return the paths and the known fields above each of them."""
    parents: set[Path] = set()
    for above in {path[:-1] for path in paths}:
        here: Node = node
        for depth, element in enumerate(above):
            match here:
                case Struct(fields) if element[2:] in fields:
                    parents.add(above[: depth + 1])
                    here = fields[element[2:]]
                case Map(below) | Keyed(item=below):
                    here = below
                case _:
                    break
    return paths | parents


def encode(paths: Paths) -> Document:
    """Return the paths as FieldsV1."""
    root: Document = {}
    parents = {path[:depth] for path in paths for depth in range(1, len(path))}
    for path in sorted(paths):
        here = root
        for element in path:
            step = here.setdefault(element, {})
            assert isinstance(step, dict)
            here = step
        if path in parents:
            here[_SELF] = {}
    return root


def decode(tree: Json) -> Paths:
    """Return the paths in FieldsV1; raises ValueError for anything else."""
    found: set[Path] = set()
    _decode(tree, (), found)
    return frozenset(found)


def _decode(tree: Json, path: Path, found: set[Path]) -> None:
    if not isinstance(tree, dict):
        raise TypeMismatchError("a field set is a mapping")
    if not tree and path:
        found.add(path)
    for element, below in tree.items():
        if element == _SELF:
            found.add(path)
        elif element[:2] in {"f:", "k:", "v:", "i:"}:
            _decode(below, (*path, element), found)
        else:
            raise TypeMismatchError(f"unknown path element {element!r}")


def check_structure(node: Node, value: Json, path: str = "") -> None:
    """Raise `TypeMismatchError` for an unknown field or one of another type."""
    if value is None:
        return
    name, form = _expected(node)
    if not isinstance(value, form):
        raise TypeMismatchError(f"{path}: expected {name}")
    match node, value:
        case (Struct() as known) | Atomic(known), dict():
            for key, item in value.items():
                check_structure(_declared(known, key, path), item, f"{path}.{key}")
        case Map(element), dict():
            for key, item in value.items():
                check_structure(element, item, f"{path}.{key}")
        case ((Keyed(item=element) | Members(element) | Items(element)), list()):
            for item in value:
                check_structure(element, item, path)


def _declared(known: Struct, key: str, path: str) -> Node:
    if key not in known.fields and not known.open:
        raise TypeMismatchError(f"{path}.{key}: field not declared in schema")
    return known.fields.get(key, _ANYTHING)


def _expected(node: Node) -> tuple[str, type]:
    match node:
        case Struct() | Map() | Atomic() | Leaf("object"):
            return "map", dict
        case Keyed() | Members() | Items() | Leaf("list"):
            return "list", list
        case Leaf("any" | "integer or string" | "quantity"):
            return "scalar", object
        case Leaf("boolean"):
            return "boolean", bool
        case Leaf("integer"):
            return "numeric (int or float)", int
        case Leaf():
            return "string", str
