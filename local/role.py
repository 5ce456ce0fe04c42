"""The shipped Role and RoleBinding for a namespace, a user and Secrets, set as overlays do it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.kubernetes.documents import (
    Document,
    Json,
    array,
    child,
    items,
    parse_yaml,
    text,
    words,
)

BASE = Path(__file__).parent.parent / "infra" / "kubernetes" / "base"
COMPONENTS = BASE.parent / "components"
EVERY_SECRET = ("keyvault-project", *(f"keyvault-{number}" for number in range(2, 100)))


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do in a namespace."""

    role: Document
    binding: Document

    @classmethod
    def shipped(
        cls,
        namespace: str,
        user: str,
        secrets: Sequence[str],
        *,
        without: Sequence[str] = (),
        components: Sequence[str] = (),
    ) -> "Rights":
        """Return the shipped permissions for these Secrets, without some verbs.

        `components` are those whose rules are added, such as `restart`.
        """
        role, binding = (_manifest(f"{name}.yaml", namespace) for name in ("role", "role-binding"))
        (rule,) = items(role, "rules")
        (subject,) = items(binding, "subjects")
        verbs = array(verb for verb in words(rule, "verbs") if verb not in without)
        named: list[Json] = [{**rule, "resourceNames": array(secrets), "verbs": verbs}]
        named += [rule for component in components for rule in _added(component)]
        bound: list[Json] = [{**subject, "name": user}]
        return cls({**role, "rules": named}, {**binding, "subjects": bound})


def _added(component: str) -> Iterator[Document]:
    """Yield the rules that a component adds to the Role."""
    kustomization = parse_yaml((COMPONENTS / component / "kustomization.yaml").read_bytes())
    assert isinstance(kustomization, dict)
    for patch in items(kustomization, "patches"):
        operations = parse_yaml(text(patch, "patch").encode())
        for operation in items({"patch": operations}, "patch"):
            assert (operation["op"], operation["path"]) == ("add", "/rules/-")
            yield child(operation, "value")


def _manifest(name: str, namespace: str) -> Document:
    document = parse_yaml((BASE / name).read_bytes())
    assert isinstance(document, dict)
    return {**document, "metadata": {**child(document, "metadata"), "namespace": namespace}}
