"""The forms of a response: the object itself, or the table that `kubectl get` requests."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from local.kubernetes.documents import Document, Json, array, child, dump
from local.kubernetes.kinds import Column, Kind
from local.kubernetes.objects import JSON
from local.kubernetes.selectors import field_of
from local.kubernetes.status import ApiError
from local.kubernetes.store import Stored

_META = "meta.k8s.io"
_NAME = Column("Name", ("metadata.name",))


@dataclass(frozen=True, slots=True)
class Form:
    """What a client accepts: the object's JSON, or a table whose rows have the `include` level."""

    table: bool = False
    include: str = "Metadata"

    @classmethod
    def asked(cls, request: web.Request) -> "Form":
        """Return the form that the request's Accept header asks for; 406 if there is none."""
        for media, parameters in _clauses(request.headers.get("Accept", "") or "*/*"):
            shape = parameters.get("as", ""), parameters.get("g", "")
            if media in {JSON, "*/*"} and shape in {("", ""), ("Table", _META)}:
                return cls(shape[0] == "Table", request.query.get("includeObject") or "Metadata")
        why = f"406: Not Acceptable\n\nAvailable representations: {JSON}, as it is or as a Table"
        raise ApiError(406, "NotAcceptable", why, {})

    def one(self, kind: Kind, stored: Stored) -> bytes:
        """Return an object in this form."""
        if not self.table:
            return stored.body
        return self._table(kind, [stored], {"resourceVersion": stored.metadata["resourceVersion"]})

    def many(self, kind: Kind, found: Iterable[Stored], metadata: Document) -> bytes:
        """Return a list in this form; its objects do not repeat their kind."""
        if self.table:
            return self._table(kind, found, metadata)
        head: Document = {
            "kind": f"{kind.name}List",
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "items": [],
        }
        return dump(head)[:-2] + b",".join(stored.listed_body for stored in found) + b"]}"

    def _table(self, kind: Kind, objects: Iterable[Stored], metadata: Document) -> bytes:
        columns = (_NAME, *kind.columns)
        return dump(
            {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": array(_definition(column) for column in columns),
                "rows": array(self._row(columns, stored) for stored in objects),
            }
        )

    def _row(self, columns: tuple[Column, ...], stored: Stored) -> Document:
        shown: Json = None
        if self.include == "Object":
            shown = stored.document
        elif self.include != "None":
            shown = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": child(stored.document, "metadata"),
            }
        return {"cells": array(_cell(column, stored.bare) for column in columns), "object": shown}


def _definition(column: Column) -> Document:
    return {
        "name": column.name,
        "type": "string",
        "format": "name" if column is _NAME else "",
        "description": column.name,
        "priority": 0,
    }


def _cell(column: Column, document: Document) -> Json:
    held = [field_of(document, path) for path in column.fields]
    match column.form:
        case "count":
            return len(held[0]) if isinstance(held[0], dict | list) else 0
        case "age":
            return _age(str(held[0]))
        case "number":
            return held[0] or 0
        case "numbers":
            return "/".join(str(each or 0) for each in held)
        case "text":
            return "/".join(str(each) for each in held)


def _age(created: str) -> str:
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    seconds = max(0, int(age.total_seconds()))
    for unit, span, most in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            return f"{seconds // span}{unit}"
    return f"{age // timedelta(days=1)}d"


def _clauses(accept: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the media types and their parameters, the most preferred first."""
    read: list[tuple[float, str, Mapping[str, str]]] = []
    for clause in accept.split(","):
        media, *rest = [part.strip() for part in clause.split(";")]
        pairs = (part.partition("=") for part in rest)
        parameters = {name: value for name, equals, value in pairs if equals}
        read.append((-float(parameters.get("q", 1)), media, parameters))
    for _, media, asked in sorted(read, key=lambda each: each[0]):
        yield media, asked
