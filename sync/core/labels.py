"""Labels: the rules of Kubernetes for them, and the names that nobody may ask for."""

import re
from collections.abc import Mapping

from sync.core.model import FIELD_MANAGER, MANAGED_BY_LABEL, Target

type Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""

_LONGEST_PREFIX = 253
_NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", re.ASCII)
_VALUE = re.compile(rf"(?:{_NAME.pattern})?", re.ASCII)
_PREFIX_PART = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,251}[a-z0-9])?", re.ASCII)

_COMMON_PREFIX = "app.kubernetes.io"
_OF_KUBERNETES = ("kubernetes.io", "k8s.io")
_OF_OTHERS = (
    "reconcile.external-secrets.io",
    "kustomize.toolkit.fluxcd.io",
    "helm.toolkit.fluxcd.io",
)
"""With these, other controllers mark the objects that they own, and some delete by them."""


def is_value(text: str) -> bool:
    """Return whether a label may have this value, which may be empty."""
    return _VALUE.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Return whether a label may have this name, with or without a DNS prefix and a slash."""
    prefix, slash, name = text.rpartition("/")
    if not slash:
        return _NAME.fullmatch(name) is not None
    return (
        len(prefix) <= _LONGEST_PREFIX
        and all(map(_PREFIX_PART.fullmatch, prefix.split(".")))
        and _NAME.fullmatch(name) is not None
    )


def label_text(label: tuple[str, str]) -> str:
    """Return a label as one word."""
    return "=".join(label)


def parsed_label(text: str) -> tuple[str, str]:
    """Parse a label from one word; raises ValueError for one that no object may have."""
    name, equals, value = text.partition("=")
    if not equals or not is_name(name) or not is_value(value):
        raise ValueError(type(text).__name__)
    return name, value


def reserved(name: str) -> str:
    """Return why no setting may ask for a label, as the end of a sentence; empty if one may.

    Kubernetes reserves the domains kubernetes.io and k8s.io for itself, and `app.kubernetes.io`
    for everybody: https://kubernetes.io/docs/reference/labels-annotations-taints/
    """
    prefix = name.rpartition("/")[0]
    if name == MANAGED_BY_LABEL or prefix == FIELD_MANAGER:
        return "is the app's own"
    if prefix != _COMMON_PREFIX and any(f".{prefix}".endswith(f".{of}") for of in _OF_KUBERNETES):
        return "is reserved for Kubernetes itself"
    if prefix in _OF_OTHERS:
        return "says that another controller owns the Secret"
    return ""


def labels_of(target: Target) -> Mapping[str, str]:
    """Return the labels that say which vault a Secret is of, whatever else the platform adds.

    There is none for what neither the vault's name nor its entry tells.
    """
    parts = {
        "project": target.project,
        "stage": target.stage,
        "region": target.region,
        "number": "" if target.number is None else str(target.number),
    }
    told = {f"keyvault-sync/{part}": value for part, value in parts.items() if value}
    return {MANAGED_BY_LABEL: FIELD_MANAGER, **told}
