"""The API's errors: exceptions that carry the `Status` object a client gets."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', field)


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
    listed = ", ".join(str(cause) for cause in causes)
    body: Document = {"name": name} if name else {}
    if group:
        body["group"] = group
    if kind:
        body["kind"] = kind
    body["causes"] = array(cause.document() for cause in causes)
    message = f'{label} "{name}" is invalid: ' + (f"[{listed}]" if len(causes) > 1 else listed)
    return ApiError(422, "Invalid", message, body)


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no bearer token, or one that stands for no user."""
    return ApiError(401, "Unauthorized", "Unauthorized")


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


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """403: an authenticated user may not, or nobody may."""
    label = f'{kind.resource} "{name}"' if name else kind.resource
    return ApiError(403, "Forbidden", f"{label} is forbidden: {why}", _object(kind, name))


def forbidden_elsewhere(resource: str, name: str, why: str) -> ApiError:
    """403 for a kind that this server does not have."""
    label = f'{resource} "{name}"' if name else resource
    return ApiError(403, "Forbidden", f"{label} is forbidden: {why}", {})


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
