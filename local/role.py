"""The shipped Role and RoleBinding for a namespace, a user and Secrets, set as overlays do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.kubernetes.documents import Document, Json, array, child, items, parse_yaml, words

BASE = Path(__file__).parent.parent / "infra" / "kubernetes" / "base"
EVERY_SECRET = ("keyvault-project", *(f"keyvault-{number}" for number in range(2, 100)))


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do in a namespace."""

    role: Document
    binding: Document

    @classmethod
    def shipped(
        cls, namespace: str, user: str, secrets: Sequence[str], *, without: Sequence[str] = ()
    ) -> "Rights":
        """Return the shipped permissions for these Secrets, without some verbs."""
        role, binding = (_manifest(f"{name}.yaml", namespace) for name in ("role", "role-binding"))
        (rule,) = items(role, "rules")
        (subject,) = items(binding, "subjects")
        verbs = array(verb for verb in words(rule, "verbs") if verb not in without)
        named: list[Json] = [{**rule, "resourceNames": array(secrets), "verbs": verbs}]
        bound: list[Json] = [{**subject, "name": user}]
        return cls({**role, "rules": named}, {**binding, "subjects": bound})


def _manifest(name: str, namespace: str) -> Document:
    document = parse_yaml((BASE / name).read_bytes())
    assert isinstance(document, dict)
    return {**document, "metadata": {**child(document, "metadata"), "namespace": namespace}}
