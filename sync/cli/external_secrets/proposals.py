"""Puts together what ExternalSecrets want of each vault secret, and proposes tags for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sync.cli.external_secrets.manifests import Fields, Unfit
from sync.cli.external_secrets.tag_texts import Shape, written
from sync.cli.external_secrets.wanted import Wanted, wanted
from sync.core.model import Target
from sync.projection.rules import Rules

_ASKING = ("ExternalSecret", "ClusterExternalSecret")
_STORES = ("SecretStore", "ClusterSecretStore")


@dataclass(frozen=True, slots=True)
class Proposal:
    """The tags of one vault secret, which needs none if there are none.

    `keys` are empty if each member becomes a key. `secrets` are the Secrets that the platform's
    rules let the keys go to, `wanted` those that the ExternalSecrets name.
    """

    secret: str
    tags: Mapping[str, str]
    keys: tuple[str, ...]
    secrets: tuple[str, ...]
    wanted: tuple[str, ...]
    asked_by: tuple[str, ...]


@dataclass(slots=True)
class Proposals:
    """What is proposed, which ExternalSecrets nothing is proposed for, and why.

    `elsewhere` are those of other vaults, stores or namespaces. `notes` are sentences.
    """

    proposed: list[Proposal] = field(default_factory=list)
    unfit: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def propose(objects: Sequence[Fields], rules: Rules, target: Target) -> Proposals:
    """Propose tags for the ExternalSecrets that read the target's vault in its namespace.

    One of which a part does not fit is left as a whole, since its Secret would lack keys.
    """
    made = Proposals()
    stores = _Stores(objects, target)
    fitting: list[Wanted] = []
    for at, each in enumerate(objects):
        if each.given.get("kind") not in _ASKING:
            continue
        name = f"object {at + 1}"
        try:
            name = _name(each, target, name)
            if why := stores.elsewhere(each) or _other_namespace(each, target):
                made.elsewhere[name] = why
            else:
                fitting.append(wanted(each, name))
        except Unfit as why_not:
            made.unfit[name] = why_not.reasons
    made.notes.extend(f"{each.name} {note}." for each in fitting for note in each.notes)
    _put_together(made, fitting, rules, target)
    made.notes.extend(stores.notes())
    return made


def _put_together(made: Proposals, fitting: list[Wanted], rules: Rules, target: Target) -> None:
    """Propose for all that fit beside each other: leaving one out may make another fit."""
    while True:
        made.proposed, wrong = [], dict(_clashing(fitting))
        if not wrong:
            for secret, of in _by_vault_secret(fitting):
                try:
                    made.proposed.append(_proposal(secret, of, rules, target))
                except Unfit as why:
                    wrong.update((each.name, why.reasons) for each in of)
        if not wrong:
            return
        made.unfit.update(wrong)
        fitting = [each for each in fitting if each.name not in wrong]


def _by_vault_secret(fitting: Iterable[Wanted]) -> Iterator[tuple[str, list[Wanted]]]:
    pairs = sorted(
        ((secret, each) for each in fitting for secret in each.vault_secrets),
        key=lambda pair: (pair[0], pair[1].name),
    )
    for secret, of in groupby(pairs, key=lambda pair: pair[0]):
        yield secret, [each for _, each in of]


def _clashing(fitting: Iterable[Wanted]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield who wants a key of one Secret to be made of two vault secrets."""
    holders: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in fitting:
        for key in each.keys:
            of = holders.setdefault((each.secret, key.name), {})
            of.setdefault(key.taken[0].secret, []).append(each.name)
    for (secret, named), of in holders.items():
        if len(of) > 1:
            why = f"makes key {named} of Secret {secret}, which another makes of another secret"
            yield from ((name, (why,)) for names in of.values() for name in names)


def _proposal(secret: str, of: Sequence[Wanted], rules: Rules, target: Target) -> Proposal:
    shapes: dict[str, Shape] = {}
    for each in of:
        found = _shape(secret, each)
        before = shapes.setdefault(each.secret, found)
        shapes[each.secret] = _merged(before, found)
    first, *others = shapes.values()
    if any(
        dict(each.keys) != dict(first.keys) or each.expanded != first.expanded for each in others
    ):
        raise Unfit(
            f"shares {first.name} with others that make other keys of it in another Secret, and "
            "tags make the same in each"
        )
    done = written(first, [*shapes], rules, target)
    return Proposal(
        first.name,
        done.tags,
        tuple(first.keys),
        done.secrets,
        tuple(shapes),
        tuple(each.name for each in of),
    )


def _shape(secret: str, of: Wanted) -> Shape:
    mine = {key.name: key for key in of.keys if secret in {each.secret for each in key.taken}}
    return Shape(secret, mine, tuple(each for each in of.expanded if each.secret == secret))


def _merged(one: Shape, other: Shape) -> Shape:
    if any(one.keys[name] != key for name, key in other.keys.items() if name in one.keys):
        raise Unfit(f"shares {one.name} with another that makes the same key in another way")
    expanded = dict.fromkeys((*one.expanded, *other.expanded))
    return Shape(one.name, {**one.keys, **other.keys}, tuple(expanded))


def _name(given: Fields, target: Target, otherwise: str) -> str:
    metadata = given.child("metadata")
    name = metadata.text("name") or otherwise
    return f"{metadata.text('namespace') or target.namespace}/{name}"


def _other_namespace(given: Fields, target: Target) -> str:
    namespace = given.child("metadata").text("namespace") or target.namespace
    if namespace == target.namespace:
        return ""
    return f"is in another namespace than {target.namespace}, where the vault's Secrets are"


class _Stores:
    """The stores of the file, and which of those that are asked for it lacks."""

    def __init__(self, objects: Iterable[Fields], target: Target) -> None:
        self._target = target
        self._missing: set[str] = set()
        self._providers: dict[tuple[str, str, str], Fields] = {}
        for each in objects:
            if each.given.get("kind") in _STORES:
                key = self._key(str(each.given["kind"]), each.child("metadata"))
                self._providers[key] = each.child("spec").child("provider")

    def elsewhere(self, given: Fields) -> str:
        """Return why an ExternalSecret does not read this vault; empty if it does."""
        reference = given.child("spec").child("secretStoreRef").only("name", "kind")
        kind = reference.text("kind") or "SecretStore"
        if kind not in _STORES:
            return f"has a store of another kind, {kind}"
        metadata = given.child("metadata")
        key = self._key(kind, reference, metadata.text("namespace"))
        provider = self._providers.get(key)
        if provider is None:
            self._missing.add(f"{kind} {reference.text('name') or 'without a name'}")
            return ""
        if "azurekv" not in provider:
            return f"reads {kind} {reference.text('name')}, which is no Azure Key Vault"
        host = provider.child("azurekv").text("vaultUrl").partition("://")[2]
        vault = host.partition(".")[0].lower()
        return "" if vault == self._target.vault.text else f"reads another vault, {vault}"

    def notes(self) -> Iterator[str]:
        """Yield which stores have to be looked at by hand."""
        for store in sorted(self._missing):
            yield (
                f"{store} is not in the file, and is taken for one of vault {self._target.vault}."
            )

    def _key(self, kind: str, of: Fields, namespace: str = "") -> tuple[str, str, str]:
        if kind != "SecretStore":
            return kind, "", of.text("name")
        return kind, of.text("namespace") or namespace or self._target.namespace, of.text("name")
