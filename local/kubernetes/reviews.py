"""What the server tells users about themselves: what they may do, and who they are."""

from collections.abc import Callable

from local.kubernetes.authorization import Attempt
from local.kubernetes.bodies import Body
from local.kubernetes.discovery import REVIEWS_GROUP, WHOAMI_GROUP
from local.kubernetes.documents import Document, child, text
from local.kubernetes.registry import Registry
from local.kubernetes.status import ApiError, Cause, bad_request, unrecognized

_OPEN = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
"""The paths, and what is below them, that every user may read."""

_ONE_OF = (
    "Invalid value: null: "
    "exactly one of nonResourceAttributes or resourceAttributes must be specified"
)

type _Review = Callable[[Registry, str, str, Document], Document]


def may_read(path: str) -> bool:
    """Whether every user may read that path."""
    return any(path == each or path.startswith(f"{each}/") for each in _OPEN)


def review(path: str) -> str | None:
    """Return the kind of review that is asked for at the path."""
    return next((kind for kind, (where, _) in _REVIEWS.items() if where == path), None)


def reviewed(registry: Registry, user: str, kind: str, manager: str, body: Body) -> Document:
    """Answer a review of that kind."""
    if not isinstance(body.value, dict):
        raise unrecognized(kind, body)
    where, answer = _REVIEWS[kind]
    version = where.removeprefix("/apis/").rpartition("/")[0]
    head: Document = {"kind": kind, "apiVersion": version, "metadata": {}}
    return {**head, **answer(registry, user, manager, body.value)}


def _access(registry: Registry, user: str, manager: str, body: Document) -> Document:
    spec = child(body, "spec")
    asked, path = child(spec, "resourceAttributes"), child(spec, "nonResourceAttributes")
    if bool(asked) == bool(path):
        cause = Cause("FieldValueInvalid", _ONE_OF, "spec.resourceAttributes")
        message = f'.{REVIEWS_GROUP} "" is invalid: {cause}'
        details: Document = {"group": REVIEWS_GROUP, "causes": [cause.document()]}
        raise ApiError(422, "Invalid", message, details)
    if path:
        allowed = text(path, "verb") == "get" and may_read(text(path, "path"))
    else:
        resource, below = text(asked, "resource"), text(asked, "subresource")
        attempt = Attempt(
            text(asked, "verb"),
            f"{resource}/{below}" if below else resource,
            text(asked, "namespace"),
            text(asked, "name"),
            text(asked, "group"),
        )
        allowed = registry.allows(user, attempt)
    named = "resourceAttributes" if asked else "nonResourceAttributes"
    fields: Document = {".": {}, **{f"f:{key}": {} for key in sorted({**asked, **path})}}
    entry: Document = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": f"{REVIEWS_GROUP}/v1",
        "time": registry.now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {f"f:{named}": fields}},
    }
    status: Document = {"allowed": allowed}
    return {"metadata": {"managedFields": [entry]}, "spec": spec, "status": status}


def _rules(registry: Registry, user: str, _manager: str, body: Document) -> Document:
    namespace = text(child(body, "spec"), "namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    rules = [rule.document() for rule in registry.rules(user, namespace)]
    status: Document = {
        "resourceRules": [*_EVERYBODY, *rules],
        "nonResourceRules": [],
        "incomplete": False,
    }
    return {"spec": {}, "status": status}


def _whoami(registry: Registry, user: str, _manager: str, _body: Document) -> Document:
    information: Document = {"username": user, "groups": ["system:authenticated"]}
    return {
        "metadata": {"creationTimestamp": registry.now()},
        "status": {"userInfo": information},
    }


_EVERYBODY: tuple[Document, ...] = (
    {
        "verbs": ["create"],
        "apiGroups": [REVIEWS_GROUP],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {"verbs": ["create"], "apiGroups": [WHOAMI_GROUP], "resources": ["selfsubjectreviews"]},
)
_REVIEWS: dict[str, tuple[str, _Review]] = {
    "SelfSubjectAccessReview": (f"/apis/{REVIEWS_GROUP}/v1/selfsubjectaccessreviews", _access),
    "SelfSubjectRulesReview": (f"/apis/{REVIEWS_GROUP}/v1/selfsubjectrulesreviews", _rules),
    "SelfSubjectReview": (f"/apis/{WHOAMI_GROUP}/v1/selfsubjectreviews", _whoami),
}
