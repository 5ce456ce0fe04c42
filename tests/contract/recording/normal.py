"""The normal form of an answer: what two servers share once names, times and versions are out."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.kubernetes.documents import Document, Json, child, items, parse_yaml, text

_HEADERS = ("Content-Type", "Warning", "Retry-After", "Allow")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_VERSION = re.compile(r"(ResourceVersion in record \(|in the precondition \()\d+(\))")
_AGE = re.compile(r"^\d+s$")
_RUN = re.compile(r"(.)\1{63,}", re.DOTALL)


@dataclass(slots=True)
class Normal:
    """Normalises the answers of one conversation.

    `names` are texts that differ between servers, and what stands for them. `seen` holds the uid
    and the version of the object answered last.
    """

    names: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Document:
        """Return the answer's status, body, and the headers that clients read."""
        told = {name.lower(): value for name, value in headers.items()}
        kept: Document = {
            name: self._said(told[name.lower()]) for name in _HEADERS if name.lower() in told
        }
        if kept.get("Content-Type") == "application/json":
            del kept["Content-Type"]
        is_yaml = kept.get("Content-Type") == "application/yaml"
        return {"status": status, **kept, **self._body(body, is_yaml=is_yaml)}

    def _body(self, body: bytes, *, is_yaml: bool) -> Document:
        try:
            document: Json = parse_yaml(body) if is_yaml else json.loads(body)
        except ValueError:
            return {"text": self._said(body.decode(errors="replace"))} if body else {}
        if isinstance(document, dict) and text(document, "kind") not in ("Status", "Table"):
            self._note(child(document, "metadata"))
        return {"body": self._normal(document)}

    def _note(self, metadata: Document) -> None:
        for field_, name in (("uid", "uid"), ("resourceVersion", "version")):
            if text(metadata, field_):
                self.seen[name] = text(metadata, field_)

    def _normal(self, value: Json, key: str = "") -> Json:
        match key, value:
            case _, dict():
                return self._object(value)
            case _, list():
                return self._list(value, key)
            case "resourceVersion", str():
                return self._versions.setdefault(value, f"v{len(self._versions) + 1}")
            case _, str():
                return self._said(value)
            case _:
                return value

    def _list(self, value: list[Json], key: str) -> Json:
        match key:
            case "managedFields":
                return self._ordered(value)
            case "cells":
                return [self._cell(item) for item in value]
            case "causes":
                return self._sorted([self._normal(item) for item in value])
            case _:
                return [self._normal(item) for item in value]

    def _object(self, value: Document) -> Document:
        """Normalise an object; a list's version is the server's, and moves with others' writes."""
        whole = {self._said(name): self._normal(item, name) for name, item in value.items()}
        kind = text(value, "kind")
        if kind.endswith("List") or kind == "Table":
            metadata = child(whole, "metadata")
            if "resourceVersion" in metadata:
                metadata["resourceVersion"] = "the list's"
        return whole

    def _ordered(self, entries: list[Json]) -> Json:
        """Return managedFields by operation and name, after a look at the order they came in.

        Within an operation they stand by time, and how many seconds two writes are apart is chance.
        """
        given = items({"entries": entries}, "entries")
        assert given == sorted(given, key=lambda entry: (*_rank(entry)[:1], text(entry, "time")))
        return [self._normal(entry) for entry in sorted(given, key=_rank)]

    def _cell(self, value: Json) -> Json:
        return _AGE.sub("{age}", self._said(value)) if isinstance(value, str) else value

    def _sorted(self, causes: list[Json]) -> Json:
        """Return an apply's conflicts by field: the server lists them as chance has it."""
        conflicts = [cause for cause in causes if isinstance(cause, dict)]
        if any(text(cause, "reason") != "FieldManagerConflict" for cause in conflicts):
            return causes
        ordered = sorted(conflicts, key=lambda each: (text(each, "field"), text(each, "message")))
        return [*ordered]

    def _said(self, said: str) -> str:
        for name, stands in self.names.items():
            said = said.replace(name, stands)
        said = _UID.sub("{uid}", said)
        said = _TIME.sub("{time}", said)
        said = _VERSION.sub(r"\1{version}\2", said)
        return _RUN.sub(lambda run: f"{{{run[1]}*{len(run[0])}}}", said)


def _rank(entry: Document) -> tuple[str, str, str]:
    return text(entry, "operation"), text(entry, "manager"), text(entry, "subresource")
