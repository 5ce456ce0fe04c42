"""What the server says about itself: versions, groups and resources."""

from local.kubernetes.documents import Document, array
from local.kubernetes.kinds import KINDS, Kind

REVIEWS_GROUP = "authorization.k8s.io"
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

_REVIEWS_VERSION: Document = {"groupVersion": f"{REVIEWS_GROUP}/v1", "version": "v1"}
_REVIEWS: Document = {
    "name": REVIEWS_GROUP,
    "versions": [_REVIEWS_VERSION],
    "preferredVersion": _REVIEWS_VERSION,
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
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": array(_resource(kind) for kind in KINDS.values()),
    },
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_REVIEWS]},
    f"/apis/{REVIEWS_GROUP}": {"kind": "APIGroup", "apiVersion": "v1", **_REVIEWS},
    f"/apis/{REVIEWS_GROUP}/v1": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{REVIEWS_GROUP}/v1",
        "resources": [
            {
                "name": "selfsubjectaccessreviews",
                "singularName": "selfsubjectaccessreview",
                "namespaced": False,
                "kind": "SelfSubjectAccessReview",
                "verbs": ["create"],
            }
        ],
    },
    "/version": VERSION,
}
