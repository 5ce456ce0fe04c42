"""The server's self-description: versions, resources, and as much OpenAPI as kubectl reads."""

from collections.abc import Iterable, Sequence

from local.kubernetes.documents import Document, array, child
from local.kubernetes.kinds import Kind
from local.kubernetes.nodes import Atomic, Items, Keyed, Leaf, Map, Members, Node, Struct
from local.kubernetes.patch import PATCH_TYPES
from local.kubernetes.workloads import DEFINITIONS

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


def _group(name: str, version: str = "v1") -> Document:
    served: Document = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


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


def _resources(kinds: Sequence[Kind]) -> Document:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
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
    group = kind.group.partition(".")[0] or "core"
    return f"io.k8s.api.{group}.{kind.version}.{kind.name}"


def _type(kind: Kind) -> Document:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}


def _schema(node: Node) -> Document:  # noqa: PLR0911 - one for each node
    match node:
        case (Struct(fields=fields)) | Atomic(Struct(fields=fields)):
            properties: Document = {name: _schema(field) for name, field in fields.items()}
            return {"type": "object", "properties": properties}
        case Map(element):
            return {"type": "object", "additionalProperties": _schema(element)}
        case Keyed(keys=keys, item=item):
            return {
                "type": "array",
                "items": _schema(item),
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": array(keys),
                "x-kubernetes-patch-merge-key": keys[0],
                "x-kubernetes-patch-strategy": "merge",
            }
        case Members():
            return {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge",
            }
        case Items(element):
            return {"type": "array", "items": _schema(element)}
        case Leaf("list"):
            return {"type": "array", "items": {"type": "object"}}
        case Leaf("bytes"):
            return {"type": "string", "format": "byte"}
        case Leaf(name):
            return {"type": name}


def _kind_schema(kind: Kind) -> Document:
    schema = kind.openapi or _schema(kind.schema)
    return {**schema, "x-kubernetes-group-version-kind": [_type(kind)]}


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


def _openapi(kinds: Sequence[Kind]) -> Document:
    schemas: Document = {_title(kind): _kind_schema(kind) for kind in kinds}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {path: asked for kind in kinds for path, asked in _operations(kind).items()},
        "components": {"schemas": {**DEFINITIONS, **schemas}},
    }


OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
OPENAPI_V2 = b"\n\x032.0\x12\x10\n\nKubernetes\x12\x02v1"
"""A Document of gnostic's openapi.v2 with `swagger` and `info`, and without types.

Of a kind that has no type there, kubectl then says `no matches for kind`.
"""


def described(kinds: Iterable[Kind]) -> dict[str, Document]:
    """Return the documents in which a server with these kinds describes itself, by path."""
    by_root: dict[str, list[Kind]] = {}
    for kind in kinds:
        by_root.setdefault(kind.root, []).append(kind)
    groups = {each[0].group: each[0].version for each in by_root.values() if each[0].group}
    reviews = (REVIEWS_GROUP, WHOAMI_GROUP)
    listed = [*map(_group, reviews), *(_group(*each) for each in sorted(groups.items()))]
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": array(listed)},
        **{f"/apis/{each['name']}": {**_API_GROUP, **each} for each in listed},
        **{root: _resources(each) for root, each in by_root.items()},
        **_reviews(REVIEWS_GROUP, "SelfSubjectAccessReview"),
        **_reviews(WHOAMI_GROUP, "SelfSubjectReview"),
        "/version": VERSION,
        "/openapi/v2": {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "v1"},
            "paths": {},
        },
        "/openapi/v3": {
            "paths": {root[1:]: {"serverRelativeURL": f"/openapi/v3{root}"} for root in by_root}
        },
        **{f"/openapi/v3{root}": _openapi(each) for root, each in by_root.items()},
    }
