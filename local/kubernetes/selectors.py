"""Label and field selectors, as list and watch take them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.kubernetes.documents import Document, Json, child, texts
from local.kubernetes.kinds import Kind
from local.kubernetes.status import bad_request

type _Test = Callable[[Mapping[str, str]], bool]

_REQUIREMENT = re.compile(
    r"^\s*(?:(?P<absent>!)\s*)?(?P<key>[\w./-]+)\s*"
    r"(?:(?P<op>=|==|!=|\bin\b|\bnotin\b)\s*(?P<value>\([^()]*\)|[\w.-]*))?\s*$"
)
_FIELD = re.compile(r"^(?P<key>[\w.]+)(?P<op>==|!=|=)(?P<value>.*)$")


@dataclass(frozen=True, slots=True)
class Selector:
    """The objects that a list or a watch selects."""

    _labels: tuple[_Test, ...] = ()
    _fields: tuple[tuple[str, str, bool], ...] = ()

    def matches(self, document: Document) -> bool:
        """Whether the object is selected."""
        labels = texts(child(document, "metadata"), "labels")
        return all(test(labels) for test in self._labels) and all(
            (field_of(document, key) == value) == equal for key, value, equal in self._fields
        )


def field_of(document: Document, path: str) -> Json:
    """Return a field's value, such as `metadata.name`; None if it is absent."""
    *above, last = path.split(".")
    for key in above:
        document = child(document, key)
    return document.get(last)


def parse(kind: Kind, labels: str, fields: str) -> Selector:
    """Parse both selectors; 400 if they are invalid."""
    return Selector(
        tuple(_label_test(part) for part in _split(labels)),
        tuple(_field_test(kind, part) for part in _split(fields)),
    )


def name_asked(fields: str) -> str:
    """Return the one name that a field selector requests, which authorization uses."""
    for part in _split(fields):
        key, _, value = part.partition("=")
        if key == "metadata.name":
            return value.removeprefix("=")
    return ""


def _split(selector: str) -> list[str]:
    return [part for part in re.split(r",(?![^()]*\))", selector) if part.strip()]


def _label_test(part: str) -> _Test:
    found = _REQUIREMENT.match(part)
    if not found:
        raise bad_request(f"unable to parse requirement: {part!r} is none")
    key, value = found["key"], found["value"] or ""
    several = {item.strip() for item in value.strip("()").split(",")}
    match found["absent"], found["op"]:
        case "!", None:
            return lambda labels: key not in labels
        case None, None:
            return lambda labels: key in labels
        case None, "=" | "==" | "in":
            return lambda labels: labels.get(key) in several
        case None, _:
            return lambda labels: labels.get(key) not in several
        case _:
            raise bad_request(f"unable to parse requirement: {part!r} is none")


def _field_test(kind: Kind, part: str) -> tuple[str, str, bool]:
    found = _FIELD.match(part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    if found["key"] not in {"metadata.name", "metadata.namespace", kind.selectable}:
        raise bad_request(f"field label not supported: {found['key']}")
    return found["key"], found["value"], found["op"] != "!="
