"""The server's self-description: versions, resources, and as much OpenAPI as kubectl reads."""

from local.kubernetes.documents import Document, array, child
from local.kubernetes.kinds import KINDS, Keyed, Kind, Leaf, Map, Members, Node, Struct
from local.kubernetes.patch import PATCH_TYPES

REVIEWS_GROUP = "authorization.k8s.io"
WHOAMI_GROUP = "authentication.k8s.io"
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

VERSION: Document = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-keyvault-sync.local",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


_API_GROUP: Document = {"kind": "APIGroup", "apiVersion": "v1"}


def _group(name: str) -> Document:
    version: Document = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _reviews(group: str, *kinds: str) -> dict[str, Document]:
    """Return the description of a group whose resources are those reviews."""
    reviews = array(
        {
            "name": f"{kind.lower()}s",
            "singularName": kind.lower(),
            "namespaced": False,
            "kind": kind,
            "verbs": ["create"],
        }
        for kind in kinds
    )
    return {
        f"/apis/{group}": {**_API_GROUP, **_group(group)},
        f"/apis/{group}/v1": {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/v1",
            "resources": reviews,
        },
    }


def _resources(group: str) -> Document:
    version = f"{group}/v1" if group else "v1"
    kinds = (kind for kind in KINDS.values() if kind.group == group)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": array(_resource(kind) for kind in kinds),
    }


def _resource(kind: Kind) -> Document:
    resource: Document = {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": array(_VERBS),
    }
    if kind.short_names:
        resource["shortNames"] = array(kind.short_names)
    return resource


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


def _operations(kind: Kind) -> Document:
    plain = {name: "boolean" if name == "force" else "string" for name in _OPTIONS}
    common: Document = {
        "x-kubernetes-group-version-kind": _type(kind),
        "parameters": array(
            {"name": name, "in": "query", "schema": {"type": of}} for name, of in plain.items()
        ),
        "responses": {"200": {"description": "OK"}},
    }
    content: Document = {media: {"schema": {"type": "object"}} for media in PATCH_TYPES}
    verbs: Document = {
        verb: {**common, "x-kubernetes-action": verb} for verb in ("get", "put", "delete", "patch")
    }
    child(verbs, "patch")["requestBody"] = {"content": content}
    return {
        kind.path("{namespace}"): {"post": {**common, "x-kubernetes-action": "post"}},
        kind.path("{namespace}", "{name}"): verbs,
    }


_SCHEMAS: Document = {_title(kind): _kind_schema(kind) for kind in KINDS.values()}


def _openapi(root: str) -> Document:
    kinds = (kind for kind in KINDS.values() if kind.root == root)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {path: asked for kind in kinds for path, asked in _operations(kind).items()},
        "components": {"schemas": _SCHEMAS},
    }


OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
OPENAPI_V2 = b"\n\x032.0\x12\x10\n\nKubernetes\x12\x02v1"
"""A Document of gnostic's openapi.v2 with `swagger` and `info`, and without types.

Of a kind that has no type there, kubectl then says `no matches for kind`.
"""

_GROUPS = sorted({kind.group for kind in KINDS.values() if kind.group})
_ROOTS = sorted({kind.root for kind in KINDS.values()})
DISCOVERY: dict[str, Document] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/api/v1": _resources(""),
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": array(_group(name) for name in (REVIEWS_GROUP, WHOAMI_GROUP, *_GROUPS)),
    },
    **{f"/apis/{name}": {**_API_GROUP, **_group(name)} for name in _GROUPS},
    **{f"/apis/{name}/v1": _resources(name) for name in _GROUPS},
    **_reviews(REVIEWS_GROUP, "SelfSubjectAccessReview"),
    **_reviews(WHOAMI_GROUP, "SelfSubjectReview"),
    "/version": VERSION,
    "/openapi/v2": {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": {},
    },
    "/openapi/v3": {
        "paths": {root[1:]: {"serverRelativeURL": f"/openapi/v3{root}"} for root in _ROOTS}
    },
    **{f"/openapi/v3{root}": _openapi(root) for root in _ROOTS},
}
