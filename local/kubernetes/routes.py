"""Maps a request's method, path and query to the call that it requests."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.kubernetes.authorization import Attempt
from local.kubernetes.catalogue import Catalogue
from local.kubernetes.kinds import NAMESPACE, Kind
from local.kubernetes.options import is_true
from local.kubernetes.selectors import name_asked
from local.kubernetes.status import bad_request, no_such_method

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request about one kind of object."""

    verb: str
    kind: Kind
    namespace: str
    name: str

    def attempt(self, field_selector: str) -> Attempt:
        """Return what needs to be authorized."""
        name = self.name
        if self.verb in {"list", "watch", "deletecollection"}:
            name = name_asked(field_selector)
        namespace = name if self.kind is NAMESPACE else self.namespace
        return Attempt(self.verb, self.kind.plural, namespace, name, self.kind.group)


def route(kinds: Catalogue, method: str, path: str, query: Mapping[str, str]) -> Call | None:
    """Return the call, or None if the path has no kind of this server."""
    root, plural, namespace, name = _addressed(path)
    kind = kinds.at(f"{root}/{plural}")
    if kind is None or (namespace and not kind.namespaced):
        return None
    if name and kind.namespaced and not namespace:
        return None
    verb = _verb(method, name, query)
    if not _allowed(kind, verb, namespace, name):
        raise no_such_method()
    return Call(verb, kind, namespace, name)


def _allowed(kind: Kind, verb: str, namespace: str, name: str) -> bool:
    """Whether the kind has the verb for an object, a namespace's collection, or all of them."""
    if verb == "deletecollection" and not kind.namespaced:
        return False
    if verb in {"create", "deletecollection"} and kind.namespaced and not namespace:
        return False
    return bool(verb) and bool(name) != (verb in {"create", "list", "watch", "deletecollection"})


def unknown(method: str, path: str, query: Mapping[str, str]) -> Attempt | None:
    """Return what needs to be authorized for an unknown kind; None for any other path."""
    watched = path.replace("/watch/", "/", 1)
    root, plural, namespace, name = _addressed(watched)
    if not plural:
        return None
    group = root.split("/")[2] if root.startswith("/apis/") else ""
    verb = "watch" if watched != path else _verb(method, name, query)
    return Attempt(verb, plural, namespace, name, group)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, "")
    if not name and verb == "get":
        return "watch" if is_true(query.get("watch")) else "list"
    return "deletecollection" if not name and verb == "delete" else verb


def _addressed(path: str) -> tuple[str, str, str, str]:
    """Return the API's root, resource, namespace and name; no resource if the path has none."""
    match path.strip("/").split("/"):
        case ["api", "v1", *rest]:
            root = "/api/v1"
        case ["apis", group, version, *rest]:
            root = f"/apis/{group}/{version}"
        case _:
            return "", "", "", ""
    if rest[:1] == ["namespaces"] and "" in rest[1:2] and len(rest) > 2:  # noqa: PLR2004 - below it
        raise bad_request("Namespace parameter required.")
    match rest:
        case ["namespaces", namespace, plural] if namespace:
            return root, plural, namespace, ""
        case ["namespaces", namespace, plural, name, *below] if namespace:
            return root, "/".join([plural, *below]), namespace, name
        case [plural]:
            return root, plural, "", ""
        case [plural, name]:
            return root, plural, "", name
        case _:
            return "", "", "", ""
