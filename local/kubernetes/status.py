"""The API's errors: exceptions with the `Status` object that a client receives."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from local.kubernetes.documents import Document, Json, array, dump
from local.kubernetes.kinds import Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object was refused: the cause's reason, its message, and its field."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def document(self) -> Document:
        """Return the cause as in `details.causes`."""
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


def quoted(value: str) -> str:
    """Return the text in quotation marks, as in the server's messages."""
    return json.dumps(value, ensure_ascii=False)


def invalid_value(field: str, value: Json, why: str) -> Cause:
    """Return the cause for an invalid value."""
    return Cause("FieldValueInvalid", f"Invalid value: {dump(value).decode()}: {why}", field)


def required(field: str, why: str = "") -> Cause:
    """Return the cause for a missing value."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def not_allowed(field: str, why: str) -> Cause:
    """Return the cause for a change that is not allowed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def too_long(field: str, limit: int) -> Cause:
    """Return the cause for a value over its limit in bytes."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", field)


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks its kind's rules."""
    about: Document = {**({"name": name} if name else {}), **_group(kind), "kind": kind.name}
    return _unprocessable(kind.label, name, about, causes)


def invalid_options(kind: str, *causes: Cause) -> ApiError:
    """422: the request's own options are wrong."""
    about: Document = {"group": "meta.k8s.io", "kind": kind}
    return _unprocessable(f"{kind}.meta.k8s.io", "", about, causes)


def invalid_patch(patched: str, why: str) -> ApiError:
    """422 for a patch with an invalid result, which is in its body, as in the real server."""
    return _unprocessable("", "", {}, [invalid_value("patch", patched, why)])


def _unprocessable(label: str, name: str, about: Document, causes: Sequence[Cause]) -> ApiError:
    said = list(dict.fromkeys(str(cause) for cause in causes))
    listed = ", ".join(said)
    message = f'{label} "{name}" is invalid: ' + (f"[{listed}]" if len(said) > 1 else listed)
    details: Document = {**about, "causes": array(cause.document() for cause in causes)}
    return ApiError(422, "Invalid", message, details)


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no bearer token, or one without a user."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def no_such_method() -> ApiError:
    """405: the path exists, but not with that method."""
    why = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", why, {})


def not_found(kind: Kind, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _object(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: the object to create exists."""
    message = f'{kind.resource} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _object(kind, name))


def modified(kind: Kind, name: str) -> ApiError:
    """409: the requested resourceVersion is not the object's."""
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
    message = f'Operation cannot be fulfilled on {kind.label} "{name}": {why}'
    return ApiError(409, "Conflict", message, {"name": name, **_group(kind), "kind": kind.name})


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """403: the authenticated user, or everybody, lacks the permission."""
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


def success(kind: Kind, name: str, uid: str) -> Document:
    """Return the `Status` in response to a delete."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_object(kind, name), "uid": uid},
    }


def _group(kind: Kind) -> Document:
    return {"group": kind.group} if kind.group else {}


def _object(kind: Kind, name: str) -> Document:
    return {**({"name": name} if name else {}), **_group(kind), "kind": kind.plural}
