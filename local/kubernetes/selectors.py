"""Label and field selectors, as list and watch take them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.kubernetes.documents import Document, child, text, texts
from local.kubernetes.kinds import NAMESPACE, SECRET, Kind
from local.kubernetes.status import bad_request, invalid_value
from local.kubernetes.validation import label_fault

type _Test = Callable[[Mapping[str, str]], bool]

_REQUIREMENT = re.compile(
    r"^\s*(?:(?P<absent>!)\s*)?(?P<key>[\w./-]+)\s*"
    r"(?:(?P<op>=|==|!=|\bin\b|\bnotin\b)\s*(?P<value>\([^()]*\)|[\w.-]*))?\s*$"
)
_OWN_FIELDS = {SECRET.plural: "type", NAMESPACE.plural: "status.phase"}


@dataclass(frozen=True, slots=True)
class Selector:
    """Which objects a list or a watch is about."""

    _labels: tuple[_Test, ...] = ()
    _fields: tuple[_Test, ...] = ()

    def matches(self, document: Document) -> bool:
        """Whether the object is selected."""
        metadata = child(document, "metadata")
        if self._fields:
            fields = {
                "metadata.name": text(metadata, "name"),
                "metadata.namespace": text(metadata, "namespace"),
                "type": text(document, "type"),
                "status.phase": text(child(document, "status"), "phase"),
            }
            if not all(test(fields) for test in self._fields):
                return False
        labels = texts(metadata, "labels")
        return all(test(labels) for test in self._labels)


def parse(kind: Kind, labels: str, fields: str) -> Selector:
    """Parse both selectors; 400 where they cannot be."""
    return Selector(
        tuple(_label_test(part) for part in _split(labels)),
        tuple(_field_test(kind, part) for part in _split(fields)),
    )


def name_asked(fields: str) -> str:
    """Return the one name a field selector asks for, which authorization looks at."""
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
        why = "found '=', expected: identifier" if "===" in part else f"{part!r} is none"
        raise bad_request(f"unable to parse requirement: {why}")
    key, value = found["key"], found["value"] or ""
    several = [item.strip() for item in value.strip("()").split(",")]
    for index, item in enumerate(several):
        if why := label_fault(item):
            cause = invalid_value(f"values[{index}][{key}]", item, why)
            raise bad_request(f"unable to parse requirement: {cause}")
    match found["absent"], found["op"]:
        case "!", None:
            return lambda labels: key not in labels
        case None, None:
            return lambda labels: key in labels
        case None, "=" | "==":
            return lambda labels: labels.get(key) == value
        case None, "!=":
            return lambda labels: labels.get(key) != value
        case None, "in":
            return lambda labels: labels.get(key) in several
        case None, "notin":
            return lambda labels: labels.get(key) not in several
        case _:
            raise bad_request(f"unable to parse requirement: {part!r} is no label requirement")


def _field_test(kind: Kind, part: str) -> _Test:
    found = re.match(r"^(?P<key>[\w.]+)(?P<op>==|!=|=)(?P<value>.*)$", part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    key, value, equal = found["key"], found["value"], found["op"] != "!="
    if key not in {"metadata.name", "metadata.namespace", _OWN_FIELDS.get(kind.plural)}:
        raise bad_request(f"field label not supported: {key}")
    return lambda fields: (fields.get(key) == value) == equal
