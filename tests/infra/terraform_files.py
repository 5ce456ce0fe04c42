"""Reads the Terraform files into their blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hcl2

FOLDER = Path(__file__).parents[2] / "infra" / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))

COMMENTS = {"__comments__", "__inline_comments__"}

type Value = str | float | bool | list[Value] | dict[str, Value] | None


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its labels, such as type and name of a resource."""

    kind: str
    labels: tuple[str, ...]
    body: dict[str, Value]


def blocks(kind: str, *labels: str) -> list[Block]:
    """Return the blocks of a kind whose labels begin with those."""
    found = [block for path in FILES for block in _read(path)]
    return [b for b in found if b.kind == kind and b.labels[: len(labels)] == labels]


def at(block: Block, path: str) -> Value:
    """Return what is at a dotted path in a block; raises KeyError where nothing is."""
    value: Value = block.body
    for key in path.split("."):
        if not isinstance(value, dict):
            raise KeyError(path)
        value = value[key]
    return value


def _read(path: Path) -> Iterator[Block]:
    with path.open() as file:
        document = hcl2.load(file)
    for kind in document.keys() - COMMENTS:
        for body in document[kind]:
            yield from _labelled(kind, (), _plain(body))


def _labelled(kind: str, labels: tuple[str, ...], value: Value) -> Iterator[Block]:
    assert isinstance(value, dict)
    if "__is_block__" in value:
        yield Block(kind, labels, value)
        return
    for label, inner in value.items():
        yield from _labelled(kind, (*labels, label), inner)


def _plain(value: Value) -> Value:
    """Take the quotes off; expressions keep their `${…}`."""
    match value:
        case str():
            return value[1:-1] if value.startswith('"') else value
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key.strip('"'): _plain(item) for key, item in value.items()}
        case _:
            return value
