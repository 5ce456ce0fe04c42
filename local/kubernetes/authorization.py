"""Role-based access: rules per user, evaluated as the API server evaluates roles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local.kubernetes.documents import Document, array, child, items, text, words

ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a user may do: no names means every name, no namespaces means the whole cluster.

    As in a Role, names never match a request that carries none: a create by POST, or a list
    without a field selector on the name.
    """

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("",)

    def document(self) -> Document:
        """Return the rule as reviews show it."""
        shown: Document = {
            "verbs": array(self.verbs),
            "apiGroups": array(self.groups),
            "resources": array(self.resources),
        }
        return {**shown, "resourceNames": array(self.names)} if self.names else shown

    def covers(self, attempt: "Attempt") -> bool:
        """Whether the rule speaks of this attempt."""
        return (
            _matches(self.verbs, attempt.verb)
            and _matches(self.resources, attempt.resource)
            and _matches(self.groups, attempt.group)
            and (not self.names or attempt.name in self.names)
            and (not self.namespaces or attempt.namespace in self.namespaces)
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing a user wants to do."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    group: str = ""

    def refusal(self, user: str) -> str:
        """Return what the server says to a user who may not."""
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return (
            f'User "{user}" cannot {self.verb} resource "{self.resource}" '
            f'in API group "{self.group}" {where}'
        )


class Access:
    """Who may do what, besides what Roles say."""

    def __init__(self) -> None:
        self._grants: dict[str, tuple[Rule, ...]] = {}

    def grant(self, user: str, rules: Iterable[Rule]) -> None:
        """Give the user these rules besides what they have."""
        self._grants[user] = (*self._grants.get(user, ()), *rules)

    def rules(self, user: str, namespace: str) -> Iterator[Rule]:
        """Yield the user's rules in that namespace."""
        for rule in self._grants.get(user, ()):
            if not rule.namespaces or namespace in rule.namespaces:
                yield rule

    def allows(self, user: str, attempt: Attempt) -> bool:
        """Whether the user may."""
        return any(rule.covers(attempt) for rule in self._grants.get(user, ()))


def role_rules(role: Document, namespace: str) -> Iterator[Rule]:
    """Yield what a Role of that namespace allows whom it is bound to."""
    for rule in items(role, "rules"):
        yield Rule(
            tuple(words(rule, "verbs")),
            tuple(words(rule, "resources")),
            tuple(words(rule, "resourceNames")),
            (namespace,),
            tuple(words(rule, "apiGroups")),
        )


def bound_role(binding: Document) -> str:
    """Return the name of the Role that a RoleBinding binds; empty where it is a ClusterRole."""
    role = child(binding, "roleRef")
    return text(role, "name") if text(role, "kind") == "Role" else ""


def bound_users(binding: Document) -> Iterator[str]:
    """Yield the users and service accounts among a RoleBinding's subjects."""
    for subject in items(binding, "subjects"):
        match text(subject, "kind"):
            case "User":
                yield text(subject, "name")
            case "ServiceAccount":
                yield f"system:serviceaccount:{text(subject, 'namespace')}:{text(subject, 'name')}"


def _matches(allowed: tuple[str, ...], wanted: str) -> bool:
    return ANY in allowed or wanted in allowed
