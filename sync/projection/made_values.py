"""Makes the values of the keys that `k8s-keys` lists, of the members of a value."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Never
from urllib.parse import quote

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason
from sync.projection.formats import Missing, part_of
from sync.projection.key_items import Filter, Item, Reference
from sync.projection.trees import Node, Number, compact

MOST_BYTES = 1024**2
"""Of all keys of one vault secret: what Kubernetes keeps in one Secret."""

_TOO_LONG = f"would be too long: all keys together may have {MOST_BYTES // 1024**2} MiB"
_TOLD = 8  # how many names a message lists
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_OF_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The control characters but tab and line breaks, which a PEM block or a file has."""


def _url(text: str) -> str:
    """Write a text so that it is one part of a URL, wherever in it.

    https://www.rfc-editor.org/rfc/rfc3986#section-2.3 lists what stays.
    """
    return quote(text, safe="")


def _pg(text: str) -> str:
    """Write a text as the value of a keyword in a connection string of libpq.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _ado(text: str) -> str:
    """Write a text as the value of a keyword in a connection string of ADO.NET.

    https://learn.microsoft.com/dotnet/framework/data/adonet/connection-strings
    """
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


FILTERS: Mapping[Filter, Callable[[str], str]] = {
    Filter.URL: _url,
    Filter.PG: _pg,
    Filter.ADO: _ado,
    Filter.JSON: _json,
    Filter.BASE64: _base64,
}
_WITHOUT_NUL = frozenset({Filter.PG, Filter.ADO})
"""Filters for readers to whom a NUL is the end of the text."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes keys of one value's members.

    The bound on what is made is one on the work as well: no filter writes less than it reads.

    `dotted` is set if a dot in a path is a part of the member's name. `names_are_told` is unset if
    the names of members may be values by mistake.
    """

    name: str
    tree: Node = field(repr=False)
    dotted: bool = False
    names_are_told: bool = True
    trimmed: str = ""
    """The characters that are taken off the end of each member."""

    def make(self, items: Sequence[Item]) -> Mapping[str, bytes]:
        """Return the keys and their values; raises Permanent, which quotes no value."""
        found: dict[str, bytes] = {}
        left = MOST_BYTES
        for item in items:
            found[item.key] = self._value(item, left)
            left -= len(found[item.key])
        return found

    def _value(self, item: Item, left: int) -> bytes:
        pieces: list[str] = []
        length = 0
        for piece in item.pieces:
            text = piece if isinstance(piece, str) else self._member(item, piece)
            length += len(text)
            if length > left:
                self._refuse(item, _TOO_LONG)
            pieces.append(text)
        joined = "".join(pieces)
        value = (FILTERS[item.whole](joined) if item.whole else joined).encode()
        if len(value) > left:
            self._refuse(item, _TOO_LONG)
        return value

    def _member(self, item: Item, reference: Reference) -> str:
        """Return a member's text behind its filter, if that text may stand there."""
        node = self._found(item, reference)
        text = self._text(item, reference, node)
        filters = {reference.filter, item.whole} - {None}
        refused = _CONTROL_OF_TEXT if item.bare else _CONTROL
        if not filters and refused.search(text):
            self._refuse(
                item,
                f"takes {_shown(reference)}, which has control characters, as a line break is one: "
                "name a filter, as {member:url}, take them out, or add the tag k8s-trim true if "
                "they are at its end",
            )
        if filters & _WITHOUT_NUL and "\0" in text:
            self._refuse(item, f"takes {_shown(reference)}, which has NUL characters")
        is_json = reference.filter is Filter.JSON and isinstance(node, Number | bool)
        return text if reference.filter is None or is_json else FILTERS[reference.filter](text)

    def _text(self, item: Item, reference: Reference, node: Node) -> str:
        """Return the text of a member that has one."""
        if isinstance(node, dict):
            of = self._told(node)
            self._refuse(item, f"takes {_shown(reference)}, which is an object: name one of {of}")
        if isinstance(node, list):
            self._refuse(
                item,
                f"takes {_shown(reference)}, which is a list of {len(node)}: name an item of it by "
                "its number, from 0",
            )
        if node is None:
            self._refuse(item, f"takes {_shown(reference)}, which is null")
        text = node if isinstance(node, str) else compact(node)
        if not (text := text.rstrip(self.trimmed)):
            self._refuse(item, f"takes {_shown(reference)}, which is empty")
        return text

    def _found(self, item: Item, reference: Reference) -> Node:
        parts = (".".join(reference.parts),) if self.dotted else reference.parts
        node = self.tree
        for part in parts:
            inner = part_of(node, part)
            if inner is Missing.HERE:
                raise Permanent(
                    Reason.PATH_NOT_FOUND,
                    f"Secret {self.name!r}: its tag k8s-keys makes key {excerpt(item.key)} of "
                    f"{_shown(reference)}, and there is nothing at its part {excerpt(part)}. "
                    f"There is {self._there(node)}: correct the tag, or set a new version.",
                )
            node = inner
        return node

    def _there(self, node: Node) -> str:
        match node:
            case dict():
                return self._told(node)
            case list():
                return f"a list of {len(node)}"
            case _:
                return "a plain value, which has no members"

    def _told(self, members: Mapping[str, Node]) -> str:
        if not members:
            return "an object without members"
        if not self.names_are_told:
            return f"{len(members)} other member{'s' * (len(members) > 1)}"
        return ", ".join(_names(members))

    def _refuse(self, item: Item, why: str) -> Never:
        raise Permanent(
            Reason.VALUE_NOT_MADE,
            f"Secret {self.name!r}: its tag k8s-keys makes key {excerpt(item.key)}, which {why}. "
            "Correct the tag, or set a new version.",
        )


def _names(members: Mapping[str, Node]) -> Iterator[str]:
    for number, member in enumerate(members):
        if number == _TOLD:
            yield f"{len(members) - _TOLD} more"
            return
        yield excerpt(member)


def _shown(reference: Reference) -> str:
    return f"member {excerpt('.'.join(reference.parts))}"
