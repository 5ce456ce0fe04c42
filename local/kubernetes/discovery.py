"""What the server says about itself: versions, groups and resources."""

from local.kubernetes.documents import Document, array
from local.kubernetes.kinds import KINDS, RBAC, Kind

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


def _group(name: str) -> Document:
    version: Document = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _reviews(group: str, *kinds: str) -> dict[str, Document]:
    """Return what is said of a group whose resources are those reviews."""
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
        f"/apis/{group}": {"kind": "APIGroup", "apiVersion": "v1", **_group(group)},
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
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": array(_VERBS),
    }
    if kind.short_names:
        resource["shortNames"] = array(kind.short_names)
    return resource


DISCOVERY: dict[str, Document] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/api/v1": _resources(""),
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(REVIEWS_GROUP), _group(WHOAMI_GROUP), _group(RBAC)],
    },
    f"/apis/{RBAC}": {"kind": "APIGroup", "apiVersion": "v1", **_group(RBAC)},
    f"/apis/{RBAC}/v1": _resources(RBAC),
    **_reviews(REVIEWS_GROUP, "SelfSubjectAccessReview", "SelfSubjectRulesReview"),
    **_reviews(WHOAMI_GROUP, "SelfSubjectReview"),
    "/version": VERSION,
}
