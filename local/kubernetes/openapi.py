"""The OpenAPI documents: as much as kubectl reads of them."""

from local.kubernetes.discovery import VERSION
from local.kubernetes.documents import Document, Json, array
from local.kubernetes.kinds import KINDS, Keyed, Kind, Leaf, Map, Members, Node, Struct

_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_OPTIONS = ("dryRun", "fieldManager", "fieldValidation", "force")


def _title(kind: Kind) -> str:
    return f"io.k8s.api.{kind.group.partition('.')[0] or 'core'}.v1.{kind.name}"


def _type(kind: Kind) -> Document:
    return {"group": kind.group, "version": "v1", "kind": kind.name}


def _schema(node: Node) -> Document:  # noqa: PLR0911 - one for each node
    match node:
        case Struct(fields=fields):
            properties: Document = {name: _schema(field) for name, field in fields.items()}
            return {"type": "object", "properties": properties}
        case Map(element):
            return {"type": "object", "additionalProperties": _schema(element)}
        case Keyed(key=key):
            return {
                "type": "array",
                "items": {"type": "object"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": [key],
                "x-kubernetes-patch-merge-key": key,
                "x-kubernetes-patch-strategy": "merge",
            }
        case Members():
            return {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge",
            }
        case Leaf("list"):
            return {"type": "array", "items": {"type": "object"}}
        case Leaf("bytes"):
            return {"type": "string", "format": "byte"}
        case Leaf(name):
            return {"type": name}


def _kind_schema(kind: Kind) -> Document:
    return {**_schema(kind.schema), "x-kubernetes-group-version-kind": [_type(kind)]}


def _option(name: str, *, v3: bool) -> Document:
    option: Document = {"name": name, "in": "query"}
    plain: Document = {"type": "boolean" if name == "force" else "string"}
    return {**option, "schema": plain} if v3 else {**option, **plain}


def _operations(kind: Kind, *, v3: bool) -> Document:
    common: Document = {
        "x-kubernetes-group-version-kind": _type(kind),
        "parameters": array(_option(name, v3=v3) for name in _OPTIONS),
        "responses": {"200": {"description": "OK"}},
    }
    if v3:
        content: Document = {media: {"schema": {"type": "object"}} for media in _PATCHES}
        patch: Json = {
            **common,
            "x-kubernetes-action": "patch",
            "requestBody": {"content": content},
        }
    else:
        patch = {**common, "x-kubernetes-action": "patch", "consumes": array(_PATCHES)}
    return {
        kind.path("{namespace}"): {"post": {**common, "x-kubernetes-action": "post"}},
        kind.path("{namespace}", "{name}"): {
            "get": {**common, "x-kubernetes-action": "get"},
            "put": {**common, "x-kubernetes-action": "put"},
            "patch": patch,
            "delete": {**common, "x-kubernetes-action": "delete"},
        },
    }


_TITLE: Document = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
_SCHEMAS: Document = {_title(kind): _kind_schema(kind) for kind in KINDS.values()}

V2: Document = {
    "swagger": "2.0",
    "info": _TITLE,
    "paths": {
        path: operations
        for kind in KINDS.values()
        for path, operations in _operations(kind, v3=False).items()
    },
    "definitions": _SCHEMAS,
}


def _v3(root: str) -> Document:
    return {
        "openapi": "3.0.0",
        "info": _TITLE,
        "paths": {
            path: operations
            for kind in KINDS.values()
            if kind.root == root
            for path, operations in _operations(kind, v3=True).items()
        },
        "components": {"schemas": _SCHEMAS},
    }


_ROOTS = sorted({kind.root for kind in KINDS.values()})
V3_INDEX: Document = {
    "paths": {root[1:]: {"serverRelativeURL": f"/openapi/v3{root}"} for root in _ROOTS}
}
OPENAPI: dict[str, Document] = {
    "/openapi/v2": V2,
    "/openapi/v3": V3_INDEX,
    **{f"/openapi/v3{root}": _v3(root) for root in _ROOTS},
}
