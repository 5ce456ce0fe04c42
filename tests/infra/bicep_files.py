"""Reads Bicep files into their declarations, as far as the tests ask for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

FOLDER = Path(__file__).parents[2] / "infra" / "bicep"
MAIN, TYPES, NAMING = (FOLDER / f"{name}.bicep" for name in ("main", "types", "naming"))
MODULES = sorted(FOLDER.rglob("*.bicep"))
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # its client id in every tenant
PARAMETERS = sorted(FOLDER.rglob("*.bicepparam"))

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_DECLARATIONS = {
    "parameter_declaration": "param",
    "output_declaration": "output",
    "type_declaration": "type",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """What is known at deployment only, by its text."""

    text: str


type Value = str | int | bool | Expression | list[Value] | dict[str, Value] | None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter, an output, a type or a type's property."""

    kind: str
    name: str
    type: str
    decorators: dict[str, list[Value]]
    default: Value


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource or a reference to an existing one."""

    file: str
    name: str
    type: str
    existing: bool
    decorators: dict[str, list[Value]]
    body: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Module:
    """A use of another file."""

    name: str
    file: str
    body: dict[str, Value]


@cache
def tree(path: Path) -> Node:
    """Parse a file; to the grammar, what a parameters file assigns is a variable."""
    source = path.read_text()
    if path.suffix == ".bicepparam":
        source = re.sub(r"^param (?=\w+ =)", "var ", source, flags=re.MULTILINE)
    return _PARSER.parse(source.encode()).root_node


def syntax_errors(path: Path) -> list[str]:
    """Say where the grammar does not fit."""
    return [
        f"line {node.start_point.row + 1}: {_text(node)[:40]}"
        for node in _walk(tree(path))
        if node.type == "ERROR" or node.is_missing
    ]


def assignments(path: Path) -> dict[str, Value]:
    """Read the variables of a file, which are the parameters that a parameters file gives."""
    return {
        _text(node.named_children[0]): value(node.named_children[-1])
        for node in _walk(tree(path))
        if node.type == "variable_declaration"
    }


def declarations(path: Path) -> Iterator[Declaration]:
    """Read parameters, outputs and types with the properties of types."""
    for node in _walk(tree(path)):
        if kind := _DECLARATIONS.get(node.type):
            yield _declaration(kind, node)
        if node.type == "object_property" and _inside_a_type(node):
            yield _declaration("property", node)


def declared(path: Path, kind: str) -> dict[str, Declaration]:
    """Read the declarations of a kind by name."""
    return {found.name: found for found in declarations(path) if found.kind == kind}


def resources(*paths: Path) -> list[Resource]:
    """Read the resources of files, nested ones by their full type."""
    return [
        Resource(
            file=path.stem,
            name=_text(node.named_children[0]),
            type=_resource_type(node),
            existing=any(child.type == "existing" for child in node.children),
            decorators=_decorators(node.prev_named_sibling),
            body=_body(node),
        )
        for path in paths
        for node in _walk(tree(path))
        if node.type == "resource_declaration"
    ]


def modules(path: Path) -> list[Module]:
    """Read the uses of other files."""
    return [
        Module(_text(node.named_children[0]), _string(node.named_children[1]), _body(node))
        for node in _walk(tree(path))
        if node.type == "module_declaration"
    ]


def calls(path: Path) -> set[str]:
    """Name the functions and methods that a file calls."""
    found = set()
    for node in _walk(tree(path)):
        if node.type == "call_expression" and (function := node.child_by_field_name("function")):
            found.add(_text(function).rpartition(".")[2])
    return found


def module(name: str) -> Path:
    """Find a module's file."""
    return FOLDER / "modules" / f"{name}.bicep"


def only(path: Path, kind: str) -> Resource:
    """Find the one resource of a type that a file makes."""
    [found] = [r for r in resources(path) if r.type.split("@")[0] == kind and not r.existing]
    return found


def at(value: Value, *path: str | int) -> Value:
    """Follow keys and indices into a value."""
    for step in path:
        if isinstance(step, int):
            assert isinstance(value, list)
            value = value[step]
        else:
            assert isinstance(value, dict)
            value = value[step]
    return value


def at_dict(value: Value) -> dict[str, Value]:
    """Read a value that is an object."""
    assert isinstance(value, dict)
    return value


def at_list(value: Value) -> list[Value]:
    """Read a value that is a list."""
    assert isinstance(value, list)
    return value


def value(node: Node) -> Value:
    """Read a literal; what is none stays an Expression."""
    if node.type == "string":
        plain = not any(child.type == "interpolation" for child in node.children)
        return _string(node) if plain else Expression(_text(node))
    if node.type == "array":
        return [value(child) for child in node.named_children]
    if node.type == "object":
        return _properties(node)
    literals: dict[str, Value] = {"true": True, "false": False, "null": None}
    text = _text(node)
    if node.type == "number":
        return int(text)
    return (
        literals.get(text, Expression(text))
        if node.type in ("boolean", "null")
        else Expression(text)
    )


def _properties(node: Node) -> dict[str, Value]:
    return {
        _key(pair): value(pair.named_children[-1])
        for pair in node.named_children
        if pair.type == "object_property" and pair.named_children[0].type != "resource_declaration"
    }


def _declaration(kind: str, node: Node) -> Declaration:
    assigned = kind == "param" and any(child.type == "=" for child in node.children)
    parts = node.named_children
    return Declaration(
        kind=kind,
        name=_key(node),
        type=_text(parts[1] if kind in ("param", "output") else parts[-1]),
        decorators=_decorators(node.prev_named_sibling),
        default=value(parts[-1]) if assigned else None,
    )


def _decorators(node: Node | None) -> dict[str, list[Value]]:
    while node is not None and node.type == "comment":
        node = node.prev_named_sibling
    if node is None or node.type != "decorators":
        return {}
    return {
        _text(call.named_children[0]): [
            value(argument) for argument in call.named_children[1].named_children
        ]
        for decorator in node.named_children
        for call in decorator.named_children
    }


def _inside_a_type(node: Node) -> bool:
    return (
        node.parent is not None
        and node.parent.parent is not None
        and node.parent.parent.type == "type_declaration"
    )


def _resource_type(node: Node) -> str:
    own, _, version = _string(node.named_children[1]).partition("@")
    outer = node.parent
    while outer is not None and outer.type != "resource_declaration":
        outer = outer.parent
    if outer is None:
        return f"{own}@{version}"
    parent, _, inherited = _resource_type(outer).partition("@")
    return f"{parent}/{own}@{version or inherited}"


def _body(node: Node) -> dict[str, Value]:
    inner: Node | None = node.named_children[-1]
    while inner is not None and inner.type in ("if_statement", "for_statement"):
        inner = inner.child_by_field_name("body") or inner.named_children[-1]
    return _properties(inner) if inner is not None and inner.type == "object" else {}


def _key(pair: Node) -> str:
    first = pair.named_children[0]
    if pair.children[0].type == "*":
        return "*"
    return _string(first) if first.type == "string" else _text(first)


def _string(node: Node) -> str:
    return "".join(_text(child) for child in node.named_children).replace("\\'", "'")


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
