"""What the objects list, and what an application's Secret is to hold, without the product."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from local.key_vault import Version
from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, child, items, text, texts
from local.kubernetes.kinds import Kind
from local.kubernetes.status import ApiError
from local.kubernetes.store import Change
from local.kubernetes.workloads import DEPLOYMENT
from local.platform import DEFINITION
from tests.model.values import Shape, Values
from tests.model.world import Snapshot, World

LISTED = "keyvault-sync/secrets"
"""The annotation of a Deployment that lists vault secrets."""

APPLICATION = custom_kind(DEFINITION)
KINDS: Mapping[str, Kind] = {
    f"{kind.plural}.{kind.group}": kind for kind in (APPLICATION, DEPLOYMENT)
}
SECRETS = ("web", "mail")
"""The names of the objects of either kind, and of the Secrets that they lead to."""

type Listed = frozenset[str]
"""The lower-case names of the vault secrets that an object lists."""


class Objects:
    """What each object, as `kind/name`, lists now and listed at any moment; None if not there."""

    def __init__(self, world: World, namespace: str) -> None:
        self._world = world
        self.namespace = namespace
        self._past: defaultdict[str, list[tuple[int, Listed | None]]] = defaultdict(
            lambda: [(0, None)]
        )

    def changed(self, change: Change) -> None:
        """Note a change of an object."""
        self._world.changed()
        name = f"{change.kind.plural}.{change.kind.group}/{text(change.after.metadata, 'name')}"
        listed = None if change.type == "DELETED" else _listed(change.after.bare)
        self._past[name].append((self._world.moment, listed))

    def since(self, name: str, moment: int) -> Iterator[Listed | None]:
        """Yield what an object listed at that moment and ever since."""
        past = self._past[name]
        for place, (began, listed) in enumerate(past):
            if began > moment or place + 1 == len(past) or past[place + 1][0] > moment:
                yield listed

    def leading_to(self, secret: str) -> Mapping[str, Listed]:
        """Return what each object lists that is there and leads to a Secret."""
        now = {f"{kind}/{secret}": self._past[f"{kind}/{secret}"][-1][1] for kind in KINDS}
        return {name: listed for name, listed in now.items() if listed is not None}

    def being_deleted(self) -> Iterator[tuple[str, str]]:
        """Yield kind and name of each object that is being deleted."""
        for of, kind in KINDS.items():
            for name in SECRETS:
                with suppress(ApiError):
                    found = self._world.cluster.read(kind, self.namespace, name)
                    if found.metadata.get("deletionTimestamp"):
                        yield of, name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a Secret is to hold for a list: `sure` variables, and those that several claim.

    Of a variable that several vault secrets claim, `claimants` are these; they may also keep what
    they had before.
    """

    sure: Mapping[str, bytes] = field(repr=False)
    claimants: Listed = frozenset()


def variables(version: Version | None, values: Values) -> Mapping[str, bytes]:
    """Return what a version of a vault secret becomes; nothing if it is to be in no Secret."""
    if version is None or not version.enabled:
        return {}
    if (version.tags or {}).get("k8s-sync") == "false":
        return {}
    made = values.behind(version.value)
    if made.shape is Shape.JSON:
        return made.parts
    return {version.name.upper(): version.value.encode()}


def wanted(listed: Iterable[str], snapshot: Snapshot, values: Values) -> Wanted:
    """Return what a Secret is to hold for a list of names."""
    each = {name: variables(snapshot.get(name), values) for name in listed}
    claims = Counter(variable for found in each.values() for variable in found)
    claimants = frozenset(
        name for name, found in each.items() if any(claims[variable] > 1 for variable in found)
    )
    sure = {
        variable: value
        for name, found in each.items()
        if name not in claimants
        for variable, value in found.items()
    }
    return Wanted(sure, claimants)


def body_of(kind: str, name: str, names: Iterable[str]) -> Document:
    """Return the manifest of an object that lists these."""
    of = KINDS[kind]
    whole: Document = {"apiVersion": of.api_version, "kind": of.name}
    if of is APPLICATION:
        return {
            **whole,
            "metadata": {"name": name},
            "spec": {"secrets": [{"name": each} for each in names]},
        }
    labels: Document = {"app": name}
    containers: list[Document] = [{"name": "c", "image": "registry.example/c:1"}]
    return {
        **whole,
        "metadata": {"name": name, "annotations": {LISTED: " ".join(names)}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [*containers]}},
        },
    }


def _listed(document: Document) -> Listed:
    annotated = texts(child(document, "metadata"), "annotations").get(LISTED, "").split()
    named = [text(each, "name") for each in items(child(document, "spec"), "secrets")]
    return frozenset(name.lower() for name in (*annotated, *named))
