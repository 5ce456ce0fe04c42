"""From a request's method, path and query to what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from local.kubernetes.authorization import Attempt
from local.kubernetes.kinds import KINDS, NAMESPACE, Kind
from local.kubernetes.registry import PatchType, Write
from local.kubernetes.selectors import name_asked
from local.kubernetes.status import ApiError, Cause, invalid_options, not_allowed, required

_TRUE = ("true", "1")
_MOST_MANAGER = 128
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}
_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
PATCH_TYPES: Mapping[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/apply-patch+yaml": "apply",
    "application/strategic-merge-patch+json": "strategic",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request about one kind of object."""

    verb: str
    kind: Kind
    namespace: str
    name: str

    def attempt(self, field_selector: str) -> Attempt:
        """Return what authorization is asked."""
        name = self.name
        if self.verb in {"list", "watch", "deletecollection"}:
            name = name_asked(field_selector)
        namespace = name if self.kind is NAMESPACE else self.namespace
        return Attempt(self.verb, self.kind.plural, namespace, name, self.kind.group)


def route(method: str, path: str, query: Mapping[str, str]) -> Call | None:
    """Return the call, or None where the path is about no kind this server has."""
    group, plural, namespace, name = _addressed(path)
    kind = KINDS.get(plural)
    if kind is None or kind.group != group or (namespace and not kind.namespaced):
        return None
    verb = _verb(method, name, query)
    allowed = bool(name) != (verb in {"create", "list", "watch", "deletecollection"})
    if not verb or not allowed or (verb == "create" and kind.namespaced and not namespace):
        raise ApiError(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            {},
        )
    return Call(verb, kind, namespace, name)


def unknown(method: str, path: str, query: Mapping[str, str]) -> Attempt:
    """Return what authorization is asked of a path about no kind this server has."""
    group, plural, namespace, name = _addressed(path)
    return Attempt(_verb(method, name, query), plural or path, namespace, name, group)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, "")
    if not name and verb == "get":
        return "watch" if query.get("watch") in _TRUE else "list"
    return "deletecollection" if not name and verb == "delete" else verb


def _addressed(path: str) -> tuple[str, str, str, str]:
    """Return group, resource, namespace and name; no resource where the path is about none."""
    match path.strip("/").split("/"):
        case ["api", "v1", *rest]:
            group = ""
        case ["apis", group, "v1", *rest]:
            pass
        case _:
            return "", "", "", ""
    match rest:
        case ["namespaces", name]:
            return group, "namespaces", "", name
        case ["namespaces", namespace, plural] if namespace:
            return group, plural, namespace, ""
        case ["namespaces", namespace, plural, name, *below] if namespace:
            return group, "/".join([plural, *below]), namespace, name
        case [plural]:
            return group, plural, "", ""
        case _:
            return "", "", "", ""


def write_options(
    call: Call, query: Mapping[str, str], agent: str, user: str, *, applies: bool
) -> Write:
    """Return who writes and how; 422 where the options are wrong."""
    kind = _OPTIONS.get(call.verb, "DeleteOptions")
    manager = query.get("fieldManager", "")
    validation: Literal["Ignore", "Warn", "Strict"]
    match query.get("fieldValidation", ""):
        case "" | "Warn":
            validation = "Warn"
        case "Strict":
            validation = "Strict"
        case "Ignore":
            validation = "Ignore"
        case other:
            raise invalid_options(
                kind, _unsupported("fieldValidation", other, "Ignore, Strict, Warn")
            )
    if len(manager) > _MOST_MANAGER:
        raise invalid_options(
            kind,
            Cause("FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"),
        )
    if applies and not manager:
        raise invalid_options(kind, required("fieldManager", "is required for apply patch"))
    force = query.get("force")
    if force is not None and call.verb == "patch" and not applies:
        raise invalid_options(
            kind, not_allowed("force", "may not be specified for non-apply patch")
        )
    return Write(
        manager=manager or agent_manager(agent),
        user=user,
        dry_run=dry_run(kind, query),
        force=force in _TRUE,
        field_validation=validation,
    )


def dry_run(kind: str, query: Mapping[str, str]) -> bool:
    """Whether nothing is to be stored; 422 for any other value than All."""
    asked = query.get("dryRun", "")
    if asked not in ("", "All"):
        raise invalid_options(
            kind, _unsupported("dryRun", f'[]string{{"{asked}"}}', '"All"', quoted=False)
        )
    return asked == "All"


def agent_manager(agent: str) -> str:
    """Return the manager that a client without `fieldManager` has: its program's name."""
    name = "".join(c for c in agent.split("/", 1)[0] if c.isprintable())[:_MOST_MANAGER]
    return name or "unknown"


def _unsupported(field: str, value: str, known: str, *, quoted: bool = True) -> Cause:
    shown = f'"{value}"' if quoted else value
    return Cause(
        "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {known}", field
    )
