"""What the app's placements need of the standing stack: vaults, namespaces, Roles and clusters."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.role import EVERY_SECRET

_WORDS = ("api", "db", "deploy-key", "orders", "registry", "shop-example-com", "web")
"""What tags may ask for beside a Secret: those of the examples in docs/secrets.md."""


@dataclass(frozen=True, slots=True)
class Placements:
    """What the entries name; `secrets` are those of each namespace that the Role covers."""

    vaults: tuple[str, ...]
    secrets: Mapping[str, tuple[str, ...]]
    clusters: tuple[str, ...]


def further(own: str) -> tuple[str, ...]:
    """Return the Secrets that tags may ask for beside a vault's own one."""
    return tuple(f"{own}-{word}" for word in _WORDS)


def placements(text: str, package: Path) -> Placements:
    """Read the setting, JSON or the name of a file of the package.

    What cannot be read is left to the app, which says why. Raises RuntimeError for entries that
    differ in the cluster alone: here all clusters are one.
    """
    entries = list(_entries(text, package))
    secrets: defaultdict[str, set[str]] = defaultdict(set)
    places: set[tuple[str, str]] = set()
    for entry in entries:
        namespace = entry.get("namespace") or f"{entry.get('project')}-{entry.get('stage')}"
        own = entry.get("secret", "")
        if own and (namespace, own) in places:
            raise RuntimeError(
                f"Two entries of SYNC_PLACEMENTS lead to Secret {namespace}/{own} in different "
                "clusters, and the local stack has one: give them different namespaces."
            )
        places.add((namespace, own))
        secrets[namespace] |= {own, *further(own)} if own else {*EVERY_SECRET}
    return Placements(
        vaults=tuple(dict.fromkeys(entry["vault"].lower() for entry in entries)),
        secrets={namespace: tuple(sorted(names)) for namespace, names in secrets.items()},
        clusters=tuple(dict.fromkeys(e["cluster"] for e in entries if "cluster" in e)),
    )


def clusters(names: Iterable[str], kubeconfig: Path) -> str:
    """Return SYNC_CLUSTERS that reaches the one cluster of the stack by each of these names."""
    return json.dumps([{"name": name, "kubeconfig": str(kubeconfig)} for name in names])


def _entries(text: str, package: Path) -> Iterator[Mapping[str, str]]:
    """Yield the texts of each entry that names a vault."""
    try:
        read = text if text.lstrip().startswith("[") else (package / text).read_text("utf-8-sig")
        items: object = json.loads(read) if text.strip() else []
    except (OSError, ValueError):
        return
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            texts = {name: each for name, each in item.items() if isinstance(each, str) and each}
            if "vault" in texts:
                yield texts
