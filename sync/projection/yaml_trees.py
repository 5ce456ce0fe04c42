"""Parses the subset of YAML that JSON has: one document without anchors, aliases or tags."""

import re
from collections.abc import Iterator, Mapping

import yaml

from sync.core.errors import Permanent
from sync.projection.mistakes import explained
from sync.projection.trees import (
    MAX_DEPTH,
    TOO_DEEP,
    Node,
    Number,
    checked,
    not_of_format,
    object_of,
)

MAX_NODES = 10_000
"""Names and values of a document; reading them takes 30 ms."""

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    "true": True,
    "false": False,
}


def read_yaml(subject: str, text: str) -> Node:
    """Parse YAML strictly; raises Permanent, whose message begins with `subject`."""
    try:
        tree = _Yaml(subject, text).document()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        fault = explained("is no YAML" + (f" from line {mark.line + 1} on" if mark else ""), text)
    except (yaml.YAMLError, UnicodeEncodeError):
        fault = "has characters that YAML does not allow"
    else:
        return checked(subject, tree)
    raise not_of_format(subject, fault)


class _Yaml:
    """Reads a document event by event, so that nothing is repeated, merged or constructed."""

    def __init__(self, subject: str, text: str) -> None:
        self._subject = subject
        self._text = text
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._nodes = 0

    def document(self) -> Node:
        """Return the root of the only document, or None if there is none."""
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
            raise not_of_format(self._subject, TOO_DEEP)
        if isinstance(event, yaml.ScalarEvent):
            return _plain(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._node(item, level + 1) for item in self._items()]
        return object_of(self._subject, [self._member(name, level + 1) for name in self._items()])

    def _member(self, name: yaml.NodeEvent, level: int) -> tuple[str, Node]:
        self._check(name)
        if not isinstance(name, yaml.ScalarEvent):
            raise self._unfit(name, "a list or an object as a member's name")
        node = next(self._items())
        if _is_missing(name, node):
            raise self._unfit(name, "a name without a colon and a blank behind it")
        return name.value, self._node(node, level)

    def _items(self) -> Iterator[yaml.NodeEvent]:
        while isinstance(event := next(self._events), yaml.NodeEvent):
            yield event

    def _check(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise not_of_format(self._subject, f"has more than {MAX_NODES:,} names and values")
        if event.anchor is not None:
            raise self._unfit(event, "an anchor or an alias")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            raise self._unfit(event, "a tag")

    def _unfit(self, event: yaml.Event, what: str) -> Permanent:
        line = f" in line {event.start_mark.line + 1}" if event.start_mark else ""
        fault = explained(f"has {what}{line}, which is not read", self._text)
        return not_of_format(self._subject, fault)


def _is_missing(name: yaml.ScalarEvent, node: yaml.NodeEvent) -> bool:
    """Return whether a name has no value, not even an empty one, as in `{USER:shop}`."""
    if name.end_mark is None or node.start_mark is None:
        return False
    empty = isinstance(node, yaml.ScalarEvent) and not node.value and node.implicit[0]
    return empty and node.start_mark.index == name.end_mark.index


def _plain(text: str) -> Node:
    """Read an unquoted scalar as JSON does if it can be, and as a string otherwise."""
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if _JSON_NUMBER.fullmatch(text) else text
