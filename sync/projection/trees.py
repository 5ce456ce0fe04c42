"""An object that was read from a value: strings, numbers as written, lists and objects."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason

MAX_DEPTH = 32
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    text: str = field(repr=False)


type Node = str | Number | bool | list[Node] | dict[str, Node] | None


def object_of(subject: str, pairs: Sequence[tuple[str, Node]]) -> dict[str, Node]:
    """Return an object of its members; raises Permanent where one is there twice."""
    found: dict[str, Node] = {}
    for member, node in pairs:
        if member in found:
            raise twice(subject, f"the member {excerpt(member)}")
        found[member] = node
    return found


def checked(subject: str, tree: Node) -> Node:
    """Return the tree if it is neither too deep for recursion nor beyond UTF-8."""
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level for child in _children(node)]
    if level:
        raise unfit(subject, TOO_DEEP)
    with suppress(UnicodeEncodeError):
        compact(tree).encode()
        return tree
    raise unfit(subject, "has characters that UTF-8 cannot encode (lone surrogates)")


def compact(node: Node) -> str:
    """Write a tree as compact JSON, its numbers as they were written."""
    if isinstance(node, Number):
        return node.text
    if isinstance(node, list):
        return f"[{','.join(map(compact, node))}]"
    if isinstance(node, dict):
        pairs = (f"{compact(member)}:{compact(child)}" for member, child in node.items())
        return f"{{{','.join(pairs)}}}"
    return json.dumps(node, ensure_ascii=False)


def unfit(subject: str, fault: str) -> Permanent:
    """Refuse a value that is not of its format, by what is wrong with it."""
    return Permanent(
        Reason.VALUE_NOT_OF_FORMAT,
        f"{subject} {fault}: set a new version of it that can be read, or correct its tags.",
    )


def twice(subject: str, member: str) -> Permanent:
    """Refuse an object that has one member twice."""
    return Permanent(
        Reason.MEMBER_TWICE,
        f"{subject} has {member} twice: set a new version of it with one of them.",
    )


def _children(node: Node) -> Iterable[Node]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
