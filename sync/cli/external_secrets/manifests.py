"""Reads the objects of a file of manifests, strictly: what is not understood is an error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

_MOST_LEVELS = 64


class Unreadable(Exception):
    """A file that holds no manifests; the text is a sentence for whoever named it."""


class Unfit(Exception):
    """Why no tags are proposed; each reason is the end of a sentence."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a manifest; `place` is where it is, as `spec.data[0]`."""

    given: Mapping[str, object]
    place: str = ""

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text, empty if it is missing; raises Unfit for anything else."""
        value = self.given.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        raise Unfit(f"has no text at {self._at(name)}: put it in quotation marks")

    def is_set(self, name: str) -> bool:
        """Return a truth value, false if it is missing."""
        value = self.given.get(name, False)
        if isinstance(value, bool) or value is None:
            return bool(value)
        raise Unfit(f"has neither true nor false at {self._at(name)}")

    def child(self, name: str) -> "Fields":
        """Return an object, one without fields if it is missing."""
        return _fields(self.given.get(name) or {}, self._at(name))

    def items(self, name: str) -> Sequence["Fields"]:
        """Return a list of objects, which is empty if it is missing."""
        value = self.given.get(name) or []
        if not isinstance(value, list):
            raise Unfit(f"has no list at {self._at(name)}")
        return [_fields(each, f"{self._at(name)}[{at}]") for at, each in enumerate(value)]

    def only(self, *known: str) -> "Fields":
        """Return itself; raises Unfit if it has a field that may mean something else."""
        for name in self.given:
            if name not in known and name in self:
                raise Unfit(f"has {self._at(name)}, which no tag can express")
        return self

    def _at(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def _fields(value: object, place: str) -> Fields:
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return Fields(value, place)
    raise Unfit(f"has no object at {place}" if place else "has a document that is no object")


def read(text: str) -> Sequence[Fields]:
    """Return the objects of all documents, those of lists as well; raises Unreadable."""
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                mark = event.start_mark
                where = f" in line {mark.line + 1}" if mark else ""
                raise Unreadable(f"it has an alias{where}: write out what that repeats")
        for document in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            _check(document, 0)
        loaded = yaml.load_all(text, Loader=yaml.CSafeLoader)
        return [each for document in loaded if document for each in _objects(document)]
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        where = f" from line {mark.line + 1}, column {mark.column + 1} on" if mark else ""
        raise Unreadable(f"it is neither YAML nor JSON{where}") from wrong
    except (yaml.YAMLError, ValueError) as wrong:
        raise Unreadable("it is neither YAML nor JSON") from wrong


def _check(node: yaml.Node, level: int) -> None:
    """Raise Unreadable for what YAML readers take in different ways, or cannot take."""
    line = node.start_mark.line + 1
    if level > _MOST_LEVELS:
        raise Unreadable(f"it is nested deeper than {_MOST_LEVELS} levels in line {line}")
    if isinstance(node, yaml.MappingNode):
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        if len(set(names)) < len(names):
            raise Unreadable(f"the object in line {line} has a field twice")
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for each in child if isinstance(child, tuple) else (child,):
            _check(each, level + 1)


def _objects(document: object) -> Iterator[Fields]:
    try:
        found = _fields(document, "")
        if found.text("kind") != "List":
            yield found
            return
        for each in found.items("items"):
            yield Fields(each.given)
    except Unfit as wrong:
        raise Unreadable(f"it {wrong.reasons[0]}, and holds no manifests") from wrong
