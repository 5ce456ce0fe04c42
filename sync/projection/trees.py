"""The tree of strings, numbers, lists and objects that a value is parsed into."""

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
    """Return an object with these members; raises Permanent if a name occurs twice."""
    found: dict[str, Node] = {}
    for member, node in pairs:
        if member in found:
            raise has_twice(subject, f"the member {excerpt(member)}")
        found[member] = node
    return found


def checked(subject: str, tree: Node) -> Node:
    """Return the tree; raises Permanent if it is too deep or cannot be encoded in UTF-8."""
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level for child in _children(node)]
    if level:
        raise not_of_format(subject, TOO_DEEP)
    with suppress(UnicodeEncodeError):
        compact(tree).encode()
        return tree
    raise not_of_format(subject, "has characters that UTF-8 cannot encode (lone surrogates)")


def compact(node: Node) -> str:
    """Return a tree as compact JSON; numbers stay as they were written."""
    if isinstance(node, Number):
        return node.text
    if isinstance(node, list):
        return f"[{','.join(map(compact, node))}]"
    if isinstance(node, dict):
        pairs = (f"{compact(member)}:{compact(child)}" for member, child in node.items())
        return f"{{{','.join(pairs)}}}"
    return json.dumps(node, ensure_ascii=False)


def not_of_format(subject: str, fault: str) -> Permanent:
    """Return the error for a value that is not in the format of its tags."""
    return Permanent(
        Reason.VALUE_NOT_OF_FORMAT,
        f"{subject} {fault}: set a new version of it that can be read, or correct its tags.",
    )


def has_twice(subject: str, member: str) -> Permanent:
    """Return the error for an object with two members of one name."""
    return Permanent(
        Reason.MEMBER_TWICE,
        f"{subject} has {member} twice: set a new version of it with one of them.",
    )


def _children(node: Node) -> Iterable[Node]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
