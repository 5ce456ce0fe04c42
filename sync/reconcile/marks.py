"""The labels and annotations that a Secret gets beside those that say whose it is."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sync.core.model import SecretName
from sync.core.state import Record
from sync.projection.rules import Rules
from sync.reconcile.observed import ObservedSecret

LINK_ANNOTATION = "link.argocd.argoproj.io/external-link"
"""Argo CD shows its value, an address, as a link beside the object.

https://argo-cd.readthedocs.io/en/stable/user-guide/external-url/
"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Labels and annotations by name."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


NO_MARKS = Marks()


def asked_labels(
    observed: ObservedSecret, records: Mapping[SecretName, Record], rules: Rules
) -> Mapping[str, str]:
    """Return the labels that settings and tags ask for in a Secret; a tag wins over SYNC_LABELS.

    A label that tags may no longer set goes, also if its secret is refused for it and stays.
    """
    allowed = {label for _, label in rules.label_tags}
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for record in records.values():
        for label, value in record.labels:
            if label in allowed:
                asked[label].add(value)
    of_tags = {label: observed.label_value(label, held) or "" for label, held in asked.items()}
    return {**dict(rules.labels), **of_tags}


def asked_link(
    observed: ObservedSecret, rules: Rules, page: Callable[[], str | None]
) -> Mapping[str, str]:
    """Return the link to the vault's page, if the settings ask for it and nobody else has set one.

    If the page is not known, because no search on this instance has found the vault, a link of ours
    stays as it is.
    """
    if not rules.portal_links:
        return {}
    actual = observed.actual
    current = actual.annotations.get(LINK_ANNOTATION) if actual else None
    is_ours = actual is not None and LINK_ANNOTATION in actual.owned_annotations
    if current is not None and not is_ours:
        return {}
    wanted = page() or current
    return {LINK_ANNOTATION: wanted} if wanted else {}
