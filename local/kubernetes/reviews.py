"""What the server tells users about themselves: their permissions, and who they are."""

from collections.abc import Callable

from local.kubernetes.authorization import Attempt
from local.kubernetes.discovery import REVIEWS_GROUP, WHOAMI_GROUP
from local.kubernetes.documents import Document, child, text
from local.kubernetes.registry import Registry
from local.kubernetes.status import bad_request

_OPEN = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
"""The paths, including those below them, that every user may read."""

type _Review = Callable[[Registry, str, str, Document], Document]


def may_read(path: str) -> bool:
    """Whether every user may read that path."""
    return any(path == each or path.startswith(f"{each}/") for each in _OPEN)


def review(path: str) -> str | None:
    """Return the kind of review at the path."""
    return next((kind for kind, (where, _) in _REVIEWS.items() if where == path), None)


def reviewed(registry: Registry, user: str, kind: str, manager: str, body: Document) -> Document:
    """Answer a review of that kind."""
    where, answer = _REVIEWS[kind]
    version = where.removeprefix("/apis/").rpartition("/")[0]
    head: Document = {"kind": kind, "apiVersion": version, "metadata": {}}
    return {**head, **answer(registry, user, manager, body)}


def _access(registry: Registry, user: str, manager: str, body: Document) -> Document:
    spec = child(body, "spec")
    asked = child(spec, "resourceAttributes")
    if not asked:
        raise bad_request("this local server reviews resourceAttributes alone")
    resource, below = text(asked, "resource"), text(asked, "subresource")
    attempt = Attempt(
        text(asked, "verb"),
        f"{resource}/{below}" if below else resource,
        text(asked, "namespace"),
        text(asked, "name"),
        text(asked, "group"),
    )
    fields: Document = {".": {}, **{f"f:{key}": {} for key in sorted(asked)}}
    entry: Document = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": f"{REVIEWS_GROUP}/v1",
        "time": registry.now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:resourceAttributes": fields}},
    }
    status: Document = {"allowed": registry.allows(user, attempt)}
    return {"metadata": {"managedFields": [entry]}, "spec": spec, "status": status}


def _whoami(registry: Registry, user: str, _manager: str, _body: Document) -> Document:
    information: Document = {"username": user, "groups": ["system:authenticated"]}
    return {
        "metadata": {"creationTimestamp": registry.now()},
        "status": {"userInfo": information},
    }


_REVIEWS: dict[str, tuple[str, _Review]] = {
    "SelfSubjectAccessReview": (f"/apis/{REVIEWS_GROUP}/v1/selfsubjectaccessreviews", _access),
    "SelfSubjectReview": (f"/apis/{WHOAMI_GROUP}/v1/selfsubjectreviews", _whoami),
}
