"""Which keys of which Secret an ExternalSecret makes, and of what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.cli.external_secrets.entries import Entries, Taken, entries
from sync.cli.external_secrets.go_templates import Named, pieces
from sync.cli.external_secrets.manifests import Fields, Unfit

GROUP = "external-secrets.io"
_VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
_SPEC = ("secretStoreRef", "target", "data", "dataFrom", "refreshInterval", "refreshPolicy")
_TARGET = ("name", "creationPolicy", "deletionPolicy", "template", "immutable", "manifest")
_TEMPLATE = ("type", "engineVersion", "mergePolicy", "data", "metadata", "templateFrom")


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and what its value is joined of."""

    name: str
    pieces: tuple[str | Taken, ...]

    @property
    def alone(self) -> Taken | None:
        """What it takes, if its value is nothing else."""
        only = self.pieces[0] if len(self.pieces) == 1 else None
        return only if isinstance(only, Taken) else None

    @property
    def taken(self) -> tuple[Taken, ...]:
        """What it takes."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Taken))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an ExternalSecret makes: these keys, and a key of each member of what is `expanded`.

    `name` is NAMESPACE/NAME. `notes` are sentences on what no tag expresses beside the keys.
    """

    name: str
    secret: str
    keys: tuple[Key, ...]
    expanded: tuple[Taken, ...]
    notes: tuple[str, ...] = ()

    @property
    def vault_secrets(self) -> frozenset[str]:
        """The names of the vault secrets that it takes."""
        taken = (*self.expanded, *(each for key in self.keys for each in key.taken))
        return frozenset(each.secret for each in taken)


def wanted(given: Fields, name: str) -> Wanted:
    """Return what an ExternalSecret makes; raises Unfit with all that no tag can express."""
    if given.text("kind") != "ExternalSecret":
        raise Unfit("makes ExternalSecrets in namespaces: give those that it makes")
    if given.text("apiVersion") not in _VERSIONS:
        raise Unfit(f"is of another API version than {' and '.join(_VERSIONS)}")
    spec = given.child("spec").only(*_SPEC)
    target = spec.child("target").only(*_TARGET)
    template = target.child("template").only(*_TEMPLATE)
    reasons = [*_of_target(target), *_of_template(template)]
    found = entries(spec)
    keys, expanded = _keys(template, found, reasons)
    for key in keys:
        reasons.extend(_combined(key))
    if not keys and not expanded and not reasons:
        reasons.append("makes no key")
    if reasons:
        raise Unfit(*dict.fromkeys(reasons))
    secret = target.text("name") or given.child("metadata").text("name")
    return Wanted(name, secret, tuple(keys), expanded, tuple(_notes(template)))


def _of_target(target: Fields) -> Iterator[str]:
    if target.text("creationPolicy") == "None":
        yield "writes no Secret, by its creationPolicy"
    if target.is_set("immutable"):
        yield "makes its Secret immutable, which then nobody can renew"
    if "manifest" in target:
        yield "makes another object than a Secret, by target.manifest"


def _of_template(template: Fields) -> Iterator[str]:
    if template.text("engineVersion") not in {"", "v2"}:
        yield "has templates of an engine other than v2"
    if "templateFrom" in template:
        yield "takes templates of other objects, by templateFrom"
    kind = template.text("type")
    if kind not in {"", "Opaque"}:
        yield (
            f"makes a Secret of type {kind}, whose keys k8s-type makes by rules of its own: see "
            "docs/secrets.md"
        )


def _keys(
    template: Fields, found: Entries, reasons: list[str]
) -> tuple[list[Key], tuple[Taken, ...]]:
    """Return the keys, and what becomes a key for each member; adds to the reasons."""
    texts = template.child("data")
    untouched = not texts.given or template.text("mergePolicy") == "Merge"
    keys: dict[str, Key] = {}
    if untouched:
        if found.others:
            reasons.append(found.others)
        for name, entry in found.named.items():
            if name in texts:
                continue
            if isinstance(entry, Unfit):
                reasons.extend(entry.reasons)
            else:
                keys[name] = Key(name, (entry,))
    for name in texts.given:
        try:
            keys[name] = _templated(name, texts.text(name), found)
        except Unfit as why:
            reasons.extend(f"makes key {name}, which {reason}" for reason in why.reasons)
    return list(keys.values()), found.expanded if untouched else ()


def _templated(name: str, text: str, found: Entries) -> Key:
    joined = tuple(
        found.entry(each.name) if isinstance(each, Named) else each for each in pieces(text)
    )
    if not any(isinstance(each, Taken) for each in joined):
        raise Unfit("takes nothing of the vault: put it into a ConfigMap or the manifest")
    return Key(name, joined)


def _combined(key: Key) -> Iterator[str]:
    names = {each.secret for each in key.taken}
    if len(names) > 1:
        yield (
            f"makes key {key.name}, which combines the secrets {_listed(names)}: keep "
            "in one secret what belongs together"
        )


def _notes(template: Fields) -> Iterator[str]:
    metadata = template.child("metadata")
    if labels := metadata.child("labels").given:
        yield (
            f"labels its Secret with {_listed(labels)}: SYNC_LABELS or k8s-label tags can, if the "
            "platform allows it"
        )
    if annotations := metadata.child("annotations").given:
        yield f"annotates its Secret with {_listed(annotations)}, which this app does not"


def _listed(words: Iterable[str]) -> str:
    *before, last = sorted(words)
    return f"{', '.join(before)} and {last}" if before else last
