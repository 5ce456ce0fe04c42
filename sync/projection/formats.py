"""Decodes a vault secret's text, and splits an object in it into its members."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from itertools import islice
from typing import Literal, Never

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason
from sync.projection.dotenv_members import read_dotenv
from sync.projection.mistakes import explained
from sync.projection.tags import Encoding, Format
from sync.projection.text_marks import MEND_UTF16, is_utf16, without_mark
from sync.projection.trees import (
    TOO_DEEP,
    Node,
    Number,
    checked,
    compact,
    not_of_format,
    object_of,
)
from sync.projection.yaml_trees import read_yaml

MAX_MEMBERS = 1000


class Missing(Enum):
    """What stands for a member that is not there, since null is one that is."""

    HERE = auto()


type ObjectFormat = Literal[Format.JSON, Format.YAML, Format.DOTENV]
type MemberPath = tuple[str, ...]

_ENCODED = {
    Encoding.BASE64: re.compile(
        r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?"
    ),
    Encoding.BASE64URL: re.compile(
        r"(?:[A-Za-z0-9_-]{4})*+(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?"
    ),
    Encoding.HEX: re.compile(r"(?:[0-9A-Fa-f]{2})*+"),
}
_PATH_PIECE = re.compile(r"\\[.\\]|.", re.DOTALL)
_DER = re.compile(rb"\x30[\x80-\x84]")
_GZIP = b"\x1f\x8b"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def decoded(name: str, text: str, encoding: Encoding | None) -> bytes:
    """Decode a text, ignoring white space and a byte order mark; else return its UTF-8.

    Raises Permanent.
    """
    if encoding is None:
        with suppress(UnicodeEncodeError):
            return text.encode()
        raise Permanent(  # outside an except clause, whose error would hold the value
            Reason.VALUE_NOT_UNICODE,
            f"Secret {name!r} holds characters that UTF-8 cannot encode (lone surrogates): "
            "set a new version of it.",
        )
    if "\0" in text:
        raise Permanent(Reason.VALUE_NOT_UNICODE, f"Secret {name!r} {MEND_UTF16}.")
    digits = "".join(without_mark(text).split())
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
    """Decode bytes that are to be read as text, which has to be in UTF-8; raises Permanent."""
    if is_utf16(value):
        raise Permanent(Reason.VALUE_NOT_UNICODE, f"Secret {name!r} {MEND_UTF16}.")
    with suppress(UnicodeDecodeError):
        return value.decode()
    raise Permanent(
        Reason.VALUE_NOT_UNICODE,
        f"Secret {name!r} is no UTF-8 text, as its tags need it to be, but {_kind(value)}.",
    )


def _kind(value: bytes) -> str:
    """Say what bytes are that are no text, and what to do."""
    if _DER.match(value):
        return (
            "binary data as a certificate, a key or a PKCS#12 bundle is in DER: make PEM of it, or "
            "correct its tags"
        )
    if value.startswith(_GZIP):
        return "compressed by gzip: set it uncompressed, or correct its tags"
    return (
        "binary data, or text in another code page: save it as UTF-8 and set a new version of it, "
        "or correct its tags"
    )


def members(name: str, text: str, form: ObjectFormat, path: str | None) -> Mapping[MemberPath, str]:
    """Return the text of each member that is not an object, by the names that lead to it.

    With a path, names start below it; if the path leads to such a member, the names are empty. A
    list becomes its compact JSON. Numbers stay as written, null becomes the empty string, an empty
    object has no members. An unquoted YAML scalar is read as JSON reads it if it can be, and is a
    string otherwise; anchors, aliases, tags and several documents are refused.
    """
    tree = parsed(name, text, form, path)
    found = dict(islice(_leaves(tree, ()), MAX_MEMBERS + 1))
    if len(found) > MAX_MEMBERS:
        raise Permanent(
            Reason.TOO_MANY_MEMBERS,
            f"{subject_of(name, form)} has more than {MAX_MEMBERS} members: divide it into several "
            "secrets, or take a part of it with k8s-path.",
        )
    return found


def parsed(name: str, text: str, form: ObjectFormat, path: str | None) -> Node:
    """Parse an object, and return it or what the path leads to."""
    subject = subject_of(name, form)
    tree = _READERS[form](subject, without_mark(text))
    if path is not None:
        return _at(name, tree, path)
    if not isinstance(tree, dict):
        raise not_of_format(subject, explained("is no object that has members", text))
    return tree


def subject_of(name: str, form: ObjectFormat) -> str:
    """Begin a sentence about a value that is to be an object."""
    return f"Secret {name!r}, tagged k8s-expand {form},"


def part_of(node: Node, part: str) -> Node | Missing:
    """Return the member or list item of that name."""
    if isinstance(node, dict):
        return node.get(part, Missing.HERE)
    if isinstance(node, list) and _INDEX.fullmatch(part) and int(part) < len(node):
        return node[int(part)]
    return Missing.HERE


def joined(prefix: str | None, parts: MemberPath) -> str:
    """Join a member's names, after the prefix if there is one."""
    return "_".join(parts if prefix is None else (prefix, *parts))


def read_json(subject: str, text: str) -> Node:
    """Parse JSON strictly; raises Permanent, whose message begins with `subject`."""

    def hook(pairs: Sequence[tuple[str, Node]]) -> dict[str, Node]:
        return object_of(subject, pairs)

    try:
        tree: Node = json.loads(
            text,
            object_pairs_hook=hook,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as wrong:
        fault = explained(f"is no JSON from line {wrong.lineno}, column {wrong.colno} on", text)
    except ValueError:
        fault = "has NaN or Infinity, which are no JSON"
    except RecursionError:
        fault = TOO_DEEP
    else:
        return checked(subject, tree)
    raise not_of_format(subject, fault)


def _no_constant(_: str) -> Never:
    raise ValueError


_READERS: Mapping[ObjectFormat, Callable[[str, str], Node]] = {
    Format.JSON: read_json,
    Format.YAML: read_yaml,
    Format.DOTENV: read_dotenv,
}


def _at(name: str, tree: Node, path: str) -> Node:
    node = tree
    for part in _parts(path):
        inner = part_of(node, part)
        if inner is Missing.HERE:
            raise Permanent(
                Reason.PATH_NOT_FOUND,
                f"Secret {name!r}, tagged k8s-path, has nothing at its part {excerpt(part)}: write "
                "names of members and numbers of list items, from 0, joined by dots, "
                "and a dot inside a name as '\\.'.",
            )
        node = inner
    return node


def _parts(path: str) -> list[str]:
    parts = [""]
    for piece in _PATH_PIECE.findall(path):
        if piece == ".":
            parts.append("")
        else:
            parts[-1] += piece[-1]
    return parts


def _leaves(node: Node, place: MemberPath) -> Iterator[tuple[MemberPath, str]]:
    if isinstance(node, dict):
        for member, child in node.items():
            yield from _leaves(child, (*place, member))
    elif isinstance(node, str):
        yield place, node
    else:
        yield place, "" if node is None else compact(node)
