"""Role-based access: rules per user, evaluated as the API server evaluates roles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local.kubernetes.documents import Document, child, items, text, words
from local.kubernetes.kinds import ROLE, ROLE_BINDING
from local.kubernetes.store import Store

ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """A user's permissions: no names means every name, no namespaces means the whole cluster.

    As in a Role, names never match a request without a name: a create by POST, or a list without a
    field selector on the name.
    """

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("",)

    def covers(self, attempt: "Attempt") -> bool:
        """Whether the rule covers this attempt."""
        return (
            _matches(self.verbs, attempt.verb)
            and _matches(self.resources, attempt.resource)
            and _matches(self.groups, attempt.group)
            and (not self.names or attempt.name in self.names)
            and (not self.namespaces or attempt.namespace in self.namespaces)
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One action that a user attempts."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    group: str = ""

    def refusal(self, user: str) -> str:
        """Return the server's message to a user without the permission."""
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return (
            f'User "{user}" cannot {self.verb} resource "{self.resource}" '
            f'in API group "{self.group}" {where}'
        )


class Access:
    """The users' permissions: explicit grants, and stored Roles."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._grants: dict[str, tuple[Rule, ...]] = {}

    def grant(self, user: str, rules: Iterable[Rule]) -> None:
        """Give the user these rules in addition to existing ones."""
        self._grants[user] = (*self._grants.get(user, ()), *rules)

    def allows(self, user: str, attempt: Attempt) -> bool:
        """Whether the user has the permission."""
        bound = (rule for who, rule in self.bound(attempt.namespace) if who == user)
        return any(rule.covers(attempt) for rule in (*self._grants.get(user, ()), *bound))

    def allows_everything(self, user: str) -> bool:
        """Whether the user is the administrator."""
        return self.allows(user, Attempt("any", "any", group="any"))

    def bound(self, namespace: str) -> Iterator[tuple[str, Rule]]:
        """Yield each user with a Role in the namespace, with each of its rules."""
        for binding in self._store.all(ROLE_BINDING, namespace) if namespace else ():
            role = self._store.get(ROLE, namespace, _bound_role(binding.bare))
            for rule in _role_rules(role.bare, namespace) if role else ():
                for user in bound_users(binding.bare):
                    yield user, rule


def _role_rules(role: Document, namespace: str) -> Iterator[Rule]:
    """Yield the rules of a Role of that namespace."""
    for rule in items(role, "rules"):
        yield Rule(
            tuple(words(rule, "verbs")),
            tuple(words(rule, "resources")),
            tuple(words(rule, "resourceNames")),
            (namespace,),
            tuple(words(rule, "apiGroups")),
        )


def _bound_role(binding: Document) -> str:
    """Return the name of the Role in a RoleBinding; empty for a ClusterRole."""
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
