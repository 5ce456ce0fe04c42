"""Patches as they are sent: read, and refused in the real server's words."""

from dataclasses import replace
from typing import Literal

from local.kubernetes import go
from local.kubernetes.bodies import Body, BodyError, read_json, read_yaml
from local.kubernetes.documents import Json
from local.kubernetes.status import bad_request

type PatchType = Literal["merge", "strategic", "json", "apply"]

_OPERATION_FIELDS = ("op", "path", "from", "value")
_MAP = "map[string]interface {}"


def read_patch(how: PatchType, raw: bytes, validation: str) -> Body:
    """Read a patch of that type; raise ApiError where it is none."""
    if how == "apply":
        return _configuration(raw, validation)
    prefix = "" if how == "strategic" else "error decoding patch: "
    try:
        body = read_json(raw)
    except BodyError as error:
        raise bad_request(f"{prefix}{error}") from error
    if how == "json":
        return _operations(body, prefix)
    if body.value is None:
        if how == "merge":
            raise bad_request("Invalid JSON Patch")
        return replace(body, value={})
    if not isinstance(body.value, dict):
        raise bad_request(prefix + no_value_of(body.value, _MAP))
    return body


def no_value_of(value: Json, wanted: str) -> str:
    """Return what encoding/json says of a value that does not fit a type."""
    return f"json: cannot unmarshal {go.json_type(value)} into Go value of type {wanted}"


def _operations(body: Body, prefix: str) -> Body:
    operations = body.value if body.value is not None else []
    if not isinstance(operations, list):
        raise bad_request(prefix + no_value_of(operations, "[]handlers.jsonPatchOp"))
    extra: list[str] = []
    for index, operation in enumerate(operations):
        if operation is not None and not isinstance(operation, dict):
            raise bad_request(prefix + no_value_of(operation, "handlers.jsonPatchOp"))
        extra += [
            f'json patch unknown field "[{index}].{name}"'
            for name in operation or ()
            if name not in _OPERATION_FIELDS
        ]
    repeated = tuple(f"json patch {said}" for said in body.repeated)
    return Body(body.raw, operations, (*repeated, *extra))


def _configuration(raw: bytes, validation: str) -> Body:
    """Read what is applied: YAML, of which JSON is a part, and faster read as itself."""
    try:
        body = read_json(raw)
        if body.repeated:
            body = read_yaml(raw)
    except BodyError:
        body = _yaml(raw)
    if body.value is None:
        body = replace(body, value={})
    if not isinstance(body.value, dict):
        why = no_value_of(body.value, _MAP)
        raise bad_request(
            f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}"
        )
    if body.repeated and validation == "Strict":
        listed = "\n  ".join(body.repeated)
        raise bad_request(
            "error strict decoding YAML: error converting YAML to JSON: "
            f"yaml: unmarshal errors:\n  {listed}"
        )
    return body


def _yaml(raw: bytes) -> Body:
    try:
        return read_yaml(raw)
    except BodyError as error:
        why = f"error decoding YAML: error converting YAML to JSON: {error}"
        raise bad_request(why) from error
