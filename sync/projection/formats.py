"""From a vault secret's text to bytes, and from an object in it to a text for each member."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, Never

import yaml
from dotenv.parser import parse_stream

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason
from sync.projection.tags import Encoding, Format

MAX_DEPTH = 32
MAX_MEMBERS = 1000


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    text: str = field(repr=False)


type Node = str | Number | bool | list[Node] | dict[str, Node] | None
type ObjectFormat = Literal[Format.JSON, Format.YAML, Format.DOTENV]
type Place = tuple[str, ...]

_ENCODED = {
    Encoding.BASE64: re.compile(
        r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?"
    ),
    Encoding.BASE64URL: re.compile(
        r"(?:[A-Za-z0-9_-]{4})*+(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?"
    ),
    Encoding.HEX: re.compile(r"(?:[0-9A-Fa-f]{2})*+"),
}
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_YAML_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    "true": True,
    "false": False,
}
_PATH_PIECE = re.compile(r"\\[.\\]|.", re.DOTALL)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
# python-dotenv takes time by the square of such a run
_BASE64 = re.compile(r"[-_+/A-Za-z0-9]{16,}={1,2}")
_LONG_BLANKS = re.compile(r"[^\S\r\n]{256}")


def decoded(name: str, text: str, encoding: Encoding | None) -> bytes:
    """Undo the encoding, to which blanks and line breaks mean nothing; without one, it is UTF-8."""
    if encoding is None:
        with suppress(UnicodeEncodeError):
            return text.encode()
        raise Permanent(  # outside of an except clause, whose error would hold the value
            Reason.VALUE_NOT_UNICODE,
            f"Secret {name!r} holds characters that UTF-8 cannot encode (lone surrogates): "
            "set a new version of it.",
        )
    digits = "".join(text.split())
    if not _ENCODED[encoding].fullmatch(digits):
        raise Permanent(
            Reason.VALUE_NOT_DECODABLE,
            f"Secret {name!r}, tagged k8s-encoding {encoding}, is not {encoding}: "
            "set a new version of it that is, or remove the tag.",
        )
    if encoding is Encoding.HEX:
        return bytes.fromhex(digits)
    altchars = b"-_" if encoding is Encoding.BASE64URL else None
    return base64.b64decode(digits + "=" * (-len(digits) % 4), altchars)


def as_text(name: str, value: bytes) -> str:
    """Read bytes that the tags need to be text."""
    with suppress(UnicodeDecodeError):
        return value.decode()
    raise Permanent(
        Reason.VALUE_NOT_UNICODE,
        f"Secret {name!r} is no UTF-8 text, as its tags need it to be: set a new version of it, "
        "or correct its tags.",
    )


def members(name: str, text: str, form: ObjectFormat, path: str | None) -> Mapping[Place, str]:
    """Return the text of each member that is no object itself, by the names that lead to it.

    With a path these are the names below it, and none where it leads to such a member. A list is
    one text, its compact JSON. Numbers are as written, null is the empty string, an empty object
    has no members. What YAML leaves unquoted is read as JSON reads it, and is otherwise a string as
    written; anchors, aliases, tags and several documents are refused.
    """
    subject = f"Secret {name!r}, tagged k8s-expand {form},"
    tree = _READERS[form](subject, text.removeprefix("\ufeff"))
    if path is not None:
        tree = _at(name, tree, path)
    elif not isinstance(tree, dict):
        raise _unfit(subject, "is no object that has members")
    found = dict(islice(_leaves(tree, ()), MAX_MEMBERS + 1))
    if len(found) > MAX_MEMBERS:
        raise Permanent(
            Reason.TOO_MANY_MEMBERS,
            f"{subject} has more than {MAX_MEMBERS} members: divide it into several secrets, or "
            "take a part of it with k8s-path.",
        )
    return found


def joined(prefix: str | None, parts: Place) -> str:
    """Join a member's names; empty where there is neither a prefix nor a name."""
    return "_".join(parts if prefix is None else (prefix, *parts))


def read_json(subject: str, text: str) -> Node:
    """Parse JSON strictly; `subject` is what the message of a Permanent begins with."""

    def object_of(pairs: Sequence[tuple[str, Node]]) -> dict[str, Node]:
        return _object(subject, pairs)

    try:
        tree: Node = json.loads(
            text,
            object_pairs_hook=object_of,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as wrong:
        fault = f"is no JSON from line {wrong.lineno}, column {wrong.colno} on"
    except ValueError:
        fault = "has NaN or Infinity, which are no JSON"
    except RecursionError:
        fault = _TOO_DEEP
    else:
        return _sound(subject, tree)
    raise _unfit(subject, fault)


def _no_constant(_: str) -> Never:
    raise ValueError


def _read_yaml(subject: str, text: str) -> Node:
    try:
        tree = _Yaml(subject, yaml.parse(text, Loader=yaml.CSafeLoader)).document()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        fault = "is no YAML" + (f" from line {mark.line + 1} on" if mark else "")
    except (yaml.YAMLError, UnicodeEncodeError):
        fault = "has characters that YAML does not allow"
    else:
        return _sound(subject, tree)
    raise _unfit(subject, fault)


class _Yaml:
    """One YAML document, read event by event: nothing in it is repeated, merged or constructed."""

    def __init__(self, subject: str, events: Iterator[yaml.Event]) -> None:
        self._subject = subject
        self._events = events

    def document(self) -> Node:
        """Return the root of the only document, None where there is none."""
        roots: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if roots:
                    raise self._unfit(event, "a second document")
                roots.append(self._node(event))
        return roots[0] if roots else None

    def _node(self, event: yaml.NodeEvent, level: int = 0) -> Node:
        self._check(event)
        if level > MAX_DEPTH:
            raise _unfit(self._subject, _TOO_DEEP)
        if isinstance(event, yaml.ScalarEvent):
            return _plain(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._node(item, level + 1) for item in self._items()]
        return _object(self._subject, [self._member(name, level + 1) for name in self._items()])

    def _member(self, name: yaml.NodeEvent, level: int) -> tuple[str, Node]:
        self._check(name)
        if not isinstance(name, yaml.ScalarEvent):
            raise self._unfit(name, "a list or an object as a member's name")
        return name.value, self._node(next(self._items()), level)

    def _items(self) -> Iterator[yaml.NodeEvent]:
        while isinstance(event := next(self._events), yaml.NodeEvent):
            yield event

    def _check(self, event: yaml.NodeEvent) -> None:
        if event.anchor is not None:
            raise self._unfit(event, "an anchor or an alias")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise self._unfit(event, "a tag")

    def _unfit(self, event: yaml.Event, what: str) -> Permanent:
        line = f" in line {event.start_mark.line + 1}" if event.start_mark else ""
        return _unfit(self._subject, f"has {what}{line}, which is not read")


def _plain(text: str) -> Node:
    """Read a scalar without quotes as JSON does, and as text where JSON has no such thing."""
    if text in _YAML_WORDS:
        return _YAML_WORDS[text]
    return Number(text) if _JSON_NUMBER.fullmatch(text) else text


def _read_dotenv(subject: str, text: str) -> Node:
    if _LONG_BLANKS.search(text):
        raise _unfit(subject, "has 256 blanks in a row, which are not read")
    if _BASE64.fullmatch(text.strip()):  # it would be a name, and names are told
        raise _unfit(subject, "is no dotenv but looks like base64, which k8s-encoding undoes")
    found: dict[str, Node] = {}
    for binding in parse_stream(io.StringIO(text)):
        statement = binding.original.string
        blank_lines = statement[: len(statement) - len(statement.lstrip())].count("\n")
        line = f"line {binding.original.line + blank_lines}"
        if binding.error or (binding.key is not None and binding.value is None):
            raise _unfit(subject, f"is no dotenv in {line}, which must be as NAME=VALUE")
        if binding.key in found:
            raise _twice(subject, f"the member of {line}")
        if binding.key is not None:
            found[binding.key] = binding.value
    return _sound(subject, found)


_READERS: Mapping[ObjectFormat, Callable[[str, str], Node]] = {
    Format.JSON: read_json,
    Format.YAML: _read_yaml,
    Format.DOTENV: _read_dotenv,
}


def _object(subject: str, pairs: Sequence[tuple[str, Node]]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for member, node in pairs:
        if member in found:
            raise _twice(subject, f"the member {excerpt(member)}")
        found[member] = node
    return found


def _sound(subject: str, tree: Node) -> Node:
    """Return the tree if it is neither too deep for recursion nor beyond UTF-8."""
    level = [tree]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level for child in _children(node)]
    if level:
        raise _unfit(subject, _TOO_DEEP)
    with suppress(UnicodeEncodeError):
        _compact(tree).encode()
        return tree
    raise _unfit(subject, "has characters that UTF-8 cannot encode (lone surrogates)")


def _at(name: str, tree: Node, path: str) -> Node:
    node = tree
    for part in _parts(path):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and _INDEX.fullmatch(part) and int(part) < len(node):
            node = node[int(part)]
        else:
            raise Permanent(
                Reason.PATH_NOT_FOUND,
                f"Secret {name!r}, tagged k8s-path, has nothing at its part {excerpt(part)}: write "
                "names of members and numbers of list items, from 0, joined by dots, "
                "and a dot inside a name as '\\.'.",
            )
    return node


def _parts(path: str) -> list[str]:
    parts = [""]
    for piece in _PATH_PIECE.findall(path):
        if piece == ".":
            parts.append("")
        else:
            parts[-1] += piece[-1]
    return parts


def _leaves(node: Node, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(node, dict):
        for member, child in node.items():
            yield from _leaves(child, (*place, member))
    elif isinstance(node, str):
        yield place, node
    else:
        yield place, "" if node is None else _compact(node)


def _children(node: Node) -> Iterable[Node]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _compact(node: Node) -> str:
    if isinstance(node, Number):
        return node.text
    if isinstance(node, list):
        return f"[{','.join(map(_compact, node))}]"
    if isinstance(node, dict):
        pairs = (f"{_compact(member)}:{_compact(child)}" for member, child in node.items())
        return f"{{{','.join(pairs)}}}"
    return json.dumps(node, ensure_ascii=False)


_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


def _unfit(subject: str, fault: str) -> Permanent:
    return Permanent(
        Reason.VALUE_NOT_OF_FORMAT,
        f"{subject} {fault}: set a new version of it that can be read, or correct its tags.",
    )


def _twice(subject: str, member: str) -> Permanent:
    return Permanent(
        Reason.MEMBER_TWICE,
        f"{subject} has {member} twice: set a new version of it with one of them.",
    )
