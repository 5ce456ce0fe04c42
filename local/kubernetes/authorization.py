"""Role-based access: rules per user, evaluated as the API server evaluates roles."""

from collections.abc import Iterable
from dataclasses import dataclass

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

    def covers(self, attempt: "Attempt") -> bool:
        """Whether the rule speaks of this attempt."""
        return (
            _matches(self.verbs, attempt.verb)
            and _matches(self.resources, attempt.resource)
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
    """Who may do what; a deny outweighs every grant."""

    def __init__(self) -> None:
        self._grants: dict[str, tuple[Rule, ...]] = {}
        self._denials: dict[str, tuple[Rule, ...]] = {}

    def grant(self, user: str, rules: Iterable[Rule]) -> None:
        """Give the user these rules besides what they have."""
        self._grants[user] = (*self._grants.get(user, ()), *rules)

    def deny(self, user: str, rule: Rule) -> None:
        """Refuse the user what the rule covers, whatever is granted."""
        self._denials[user] = (*self._denials.get(user, ()), rule)

    def lift(self, user: str) -> None:
        """Forget what the user is denied."""
        self._denials.pop(user, None)

    def allows(self, user: str, attempt: Attempt) -> bool:
        """Whether the user may."""
        granted = any(rule.covers(attempt) for rule in self._grants.get(user, ()))
        return granted and not any(rule.covers(attempt) for rule in self._denials.get(user, ()))


def _matches(allowed: tuple[str, ...], wanted: str) -> bool:
    return ANY in allowed or wanted in allowed
