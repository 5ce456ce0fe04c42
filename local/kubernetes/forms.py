"""The forms an answer may have: whole or metadata alone, a table, JSON or YAML."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import yaml
from aiohttp import web

from local.kubernetes.documents import Document, Json, array, child, dump
from local.kubernetes.kinds import Kind
from local.kubernetes.status import ApiError, bad_request
from local.kubernetes.store import Stored
from local.kubernetes.tables import table

type Shape = Literal["whole", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]

JSON = "application/json"
YAML = "application/yaml"
_KNOWN = f"{JSON}, {YAML}, application/vnd.kubernetes.protobuf"
_SHAPES: Mapping[str, Shape] = {
    "": "whole",
    "Table": "Table",
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadataList",
}
_INCLUDED = ("", "Metadata", "Object", "None")


@dataclass(frozen=True, slots=True)
class Form:
    """What a client accepts: the shape and the media type."""

    shape: Shape = "whole"
    media: str = JSON
    include: str = "Metadata"

    @classmethod
    def asked(cls, request: web.Request) -> "Form":
        """Return the form that the request's Accept header asks for; 406 where there is none."""
        include = request.query.get("includeObject", "")
        known = False
        for media, parameters in _clauses(request.headers.get("Accept", "") or "*/*"):
            if media not in {JSON, YAML, "*/*"}:
                continue
            known = True
            shape = _SHAPES.get(parameters.get("as", ""))
            if shape is None or (shape != "whole" and parameters.get("g") != "meta.k8s.io"):
                continue
            if shape == "Table" and include not in _INCLUDED:
                why = "must be 'Metadata', 'Object', 'None', or empty"
                raise bad_request(
                    "Unable to convert to Table as requested: "
                    f'includeObject: Invalid value: "{include}": {why}'
                )
            return cls(shape, YAML if media == YAML else JSON, include or "Metadata")
        if known:
            why = f"only the following media types are accepted: {_KNOWN}"
            raise ApiError(406, "NotAcceptable", why)
        why = f"406: Not Acceptable\n\nAvailable representations: {_KNOWN}"
        raise ApiError(406, "NotAcceptable", why, {})

    def one(self, kind: Kind, stored: Stored) -> bytes:
        """Return an object in this form."""
        match self.shape:
            case "Table":
                version = str(stored.metadata.get("resourceVersion", ""))
                return self._written(table(kind, [stored], version, self.include))
            case "PartialObjectMetadata":
                return self._written(metadata_only(stored))
            case _ if self.media == YAML:
                return self._written(stored.document)
            case _:
                return stored.body

    def many(self, kind: Kind, found: Iterable[Stored], version: str) -> bytes:
        """Return a list in this form; its objects do not repeat what kind they are."""
        match self.shape:
            case "PartialObjectMetadata":
                why = (
                    "you requested PartialObjectMetadata, "
                    f"but the requested object is a list (*core.{kind.name}List)"
                )
                raise ApiError(406, "NotAcceptable", why)
            case "Table":
                return self._written(table(kind, found, version, self.include))
            case "PartialObjectMetadataList":
                items = array(metadata_only(stored) for stored in found)
                return self._written(_list(self.shape, "meta.k8s.io/v1", version, items))
            case _ if self.media == YAML:
                items = array(stored.listed for stored in found)
                return self._written(_list(f"{kind.name}List", kind.api_version, version, items))
            case _:
                head = dump(_list(f"{kind.name}List", kind.api_version, version, []))
                bodies = b",".join(stored.listed_body for stored in found)
                return head[:-2] + bodies + b"]}"

    def _written(self, document: Document) -> bytes:
        if self.media == YAML:
            return yaml.safe_dump(document, allow_unicode=True).encode()
        return dump(document)


def metadata_only(stored: Stored) -> Document:
    """Return the object's metadata as an object of their own."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": child(stored.document, "metadata"),
    }


def _list(kind: str, version: str, resource_version: str, items: list[Json]) -> Document:
    return {
        "kind": kind,
        "apiVersion": version,
        "metadata": {"resourceVersion": resource_version},
        "items": items,
    }


def _clauses(accept: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the media types and their parameters, those preferred most first."""
    read: list[tuple[float, str, Mapping[str, str]]] = []
    for clause in accept.split(","):
        media, *rest = [part.strip() for part in clause.split(";")]
        pairs = (part.partition("=") for part in rest)
        parameters = {name: value for name, equals, value in pairs if equals}
        read.append((-float(parameters.get("q", 1)), media, parameters))
    for _, media, asked in sorted(read, key=lambda each: each[0]):
        yield media, asked
