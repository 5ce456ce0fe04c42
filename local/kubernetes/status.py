"""The API's errors: exceptions that carry the `Status` object a client gets."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.kubernetes import go
from local.kubernetes.bodies import Body, no_object
from local.kubernetes.documents import Document, array
from local.kubernetes.kinds import Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object was refused: the cause's reason, what it says, and its field."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def document(self) -> Document:
        """Return the cause as it stands in `details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request that failed: `code` is the HTTP status, `body` the `Status` object."""

    def __init__(
        self, code: int, reason: str, message: str, details: Document | None = None
    ) -> None:
        super().__init__(message)
        self.warnings: tuple[str, ...] = ()
        self.code = code
        self.reason = reason
        self.body: Document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.body["reason"] = reason
        if details is not None:
            self.body["details"] = details
        self.body["code"] = code


def invalid_value(field: str, value: str, why: str) -> Cause:
    """Return the cause for a value that is off its syntax."""
    return Cause("FieldValueInvalid", f"Invalid value: {go.quoted(value)}: {why}", field)


def required(field: str, why: str = "") -> Cause:
    """Return the cause for a missing value."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def not_allowed(field: str, why: str) -> Cause:
    """Return the cause for a change that is not allowed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def too_long(field: str, limit: int) -> Cause:
    """Return the cause for a value over its limit of bytes."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks its kind's rules."""
    label = f"{kind.name}.{kind.group}" if kind.group else kind.name
    return _unprocessable(label, kind.name, name, causes, group=kind.group)


def invalid_options(kind: str, *causes: Cause) -> ApiError:
    """422: the request's own options are wrong."""
    return _unprocessable(f"{kind}.meta.k8s.io", kind, "", causes, group="meta.k8s.io")


def invalid_patch(patched: str, why: str) -> ApiError:
    """422 for a patch that gives no object; as in the real server, its body holds that object."""
    return _unprocessable("", "", "", [invalid_value("patch", patched, why)])


def _unprocessable(
    label: str, kind: str, name: str, causes: Sequence[Cause], group: str = ""
) -> ApiError:
    said = list(dict.fromkeys(str(cause) for cause in causes))
    listed = ", ".join(said)
    body: Document = {"name": name} if name else {}
    if group:
        body["group"] = group
    if kind:
        body["kind"] = kind
    body["causes"] = array(cause.document() for cause in causes)
    message = f'{label} "{name}" is invalid: ' + (f"[{listed}]" if len(said) > 1 else listed)
    return ApiError(422, "Invalid", message, body)


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unrecognized(kind: str, body: Body, why: str = "") -> ApiError:
    """400: the body is no object at all, or none that can be read."""
    said = why or no_object(body.value)
    return bad_request(
        f"the object provided is unrecognized (must be of type {kind}): "
        f"{said} ({go.summary(body.raw)})"
    )


def unauthorized() -> ApiError:
    """401: no bearer token, or one that stands for no user."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def no_such_method() -> ApiError:
    """405: the path is about something, but not by that method."""
    why = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", why, {})


def not_found(kind: Kind, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _object(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: the object to create is there."""
    return ApiError(
        409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _object(kind, name)
    )


def modified(kind: Kind, name: str) -> ApiError:
    """409: the resourceVersion asked for is not the object's."""
    return conflict(
        kind,
        name,
        "the object has been modified; "
        "please apply your changes to the latest version and try again",
    )


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    """409: a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _object(kind, name))


def failed_precondition(kind: Kind, name: str, why: str) -> ApiError:
    """409: a delete's precondition does not hold; it names the kind, not the resource."""
    label = f"{kind.name}.{kind.group}" if kind.group else kind.name
    group: Document = {"group": kind.group} if kind.group else {}
    message = f'Operation cannot be fulfilled on {label} "{name}": {why}'
    return ApiError(409, "Conflict", message, {"name": name, **group, "kind": kind.name})


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """403: an authenticated user may not, or nobody may."""
    label = f'{kind.resource} "{name}"' if name else kind.resource
    return ApiError(403, "Forbidden", f"{label} is forbidden: {why}", _object(kind, name))


def terminating(kind: Kind, namespace: str, name: str) -> ApiError:
    """403: nothing can be created in a namespace that is being deleted."""
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    error = forbidden(kind, name, why)
    cause = Cause(
        "NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace"
    )
    error.body["details"] = {**_object(kind, name), "causes": [cause.document()]}
    return error


def forbidden_elsewhere(resource: str, group: str, name: str, why: str) -> ApiError:
    """403 for a kind that this server does not have."""
    plural = resource.partition("/")[0]
    qualified = f"{plural}.{group}" if group else plural
    label = f'{qualified} "{name}"' if name else qualified
    about: Document = {"name": name} if name else {}
    if group:
        about["group"] = group
    return ApiError(403, "Forbidden", f"{label} is forbidden: {why}", {**about, "kind": plural})


def forbidden_path(user: str, method: str, path: str) -> ApiError:
    """403 for a path that is about no kind."""
    why = f'forbidden: User "{user}" cannot {method.lower()} path "{path}"'
    return ApiError(403, "Forbidden", why, {})


def success(kind: Kind, name: str, uid: str) -> Document:
    """Return the `Status` that answers a delete."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_object(kind, name), "uid": uid},
    }


def _object(kind: Kind, name: str) -> Document:
    group: Document = {"group": kind.group} if kind.group else {}
    return {**({"name": name} if name else {}), **group, "kind": kind.plural}
