"""Label selectors, by which a workload finds its pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of a selector's `matchExpressions`."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet it; an operator of a later Kubernetes admits none."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector; an empty one selects nothing, as no workload may have it."""

    labels: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Return whether a pod with these labels is one of the workload's."""
        if not self.labels and not self.requirements:
            return False
        return self.labels.items() <= labels.items() and all(
            each.admits(labels) for each in self.requirements
        )
