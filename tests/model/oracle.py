"""What a vault wants in its Secrets, by the contract alone: written anew, without the product."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from local.key_vault import Version
from tests.model.values import Shape, Values

type Place = tuple[str, str]
"""A Secret of the vault's namespace and a key in it."""

KNOWN = {
    "k8s-sync", "k8s-key", "k8s-expand", "k8s-secret", "k8s-type", "k8s-label-team", "k8s-restart",
}  # fmt: skip
"""The tags that histories use and that mean something."""

TYPES = {"basic-auth": "kubernetes.io/basic-auth", "tls": "kubernetes.io/tls"}
OPAQUE = "Opaque"


class No(Enum):
    """Why a vault secret wants no place."""

    OUT = "deleted, disabled or left out: it is to have no key"
    WRONG = "its tags or its value are wrong: whatever it had stays"


@dataclass(frozen=True, slots=True)
class Wants:
    """What one version of a vault secret is to become."""

    places: Mapping[Place, bytes] = field(repr=False)
    type: str = OPAQUE
    team: str = ""
    """The label that its Secret is to have; empty for none."""

    @property
    def secret(self) -> str:
        """The one Secret that they are in."""
        return next(iter(self.places))[0]


type TagOptions = Wants | No


def wish(own: str, version: Version, values: Values) -> TagOptions:
    """Return what a version asks for; `own` is the vault's own Secret."""
    tags = dict(version.tags or {})
    if not version.enabled or tags.get("k8s-sync") == "false":
        return No.OUT
    ours = {tag for tag in tags if tag.startswith("k8s-")}
    word = tags.get("k8s-secret")
    if ours - KNOWN or tags.get("k8s-sync", "true") != "true" or word == "keyvault-2":
        return No.WRONG
    made = values.behind(version.value)
    kind, expand, key = tags.get("k8s-type"), tags.get("k8s-expand"), tags.get("k8s-key")
    secret = f"{own}-{word or version.name.lower()}" if word or kind else own
    match kind, expand, made.shape:
        case None, None, _:
            keys = {key or version.name: version.value.encode()}
        case None, "json", Shape.JSON:
            keys = {f"{key}_{part}" if key else part: text for part, text in made.parts.items()}
        case None, "certificate", Shape.CERTIFICATE:
            keys = {f"{key or version.name}{end}": text for end, text in made.parts.items()}
        case "basic-auth", None, Shape.LOGIN:
            keys = dict(made.parts)
        case "tls", None, Shape.CERTIFICATE:
            names = {".crt": "tls.crt", ".key": "tls.key", ".ca.crt": "ca.crt"}
            keys = {names[end]: text for end, text in made.parts.items()}
        case _:
            return No.WRONG
    places = {(secret, each): text for each, text in keys.items()}
    return Wants(places, TYPES[kind] if kind else OPAQUE, tags.get("k8s-label-team", ""))


def is_tagged(version: Version) -> bool:
    """Tell whether any tag of ours is there."""
    return any(tag.startswith("k8s-") for tag in version.tags or {})
