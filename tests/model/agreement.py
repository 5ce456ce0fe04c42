"""What has to hold once all is well again: one pass makes vault and cluster agree."""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from local.kubernetes.documents import Document, child, text, texts
from sync.app.requests import Resync
from sync.app.use_cases import App
from sync.core.outcomes import Converged, Failed, Outcome
from tests.model.actors import Actor
from tests.model.oracle import No, Place, Wants, is_tagged, wish
from tests.model.states import STATE, is_restored, owns_state
from tests.model.watch import LINK, Watch
from tests.model.world import CLOSED, Broken, Kept, World

PATIENCE_SECONDS = 70
"""After so long, keys whose record was lost go with the next pass."""

LEFT_ALONE = {
    "TagsLost", "TagUnknown", "TagWrong", "KeyClash", "TypesDiffer", "ValueNotOfFormat",
    "ValueNotOfType", "ValueNotDecodable", "CertificateUnreadable", "SecretTypeMismatch",
    "TargetTaken", "ClusterForbidden",
}  # fmt: skip
"""The reasons for which single vault secrets may be left as they are."""


@dataclass(slots=True)
class Expected:
    """What a vault's Secrets are to hold, and of which places and secrets nothing is known."""

    places: dict[Place, bytes] = field(default_factory=dict)
    loose: set[Place] = field(default_factory=set)
    """Places that several claim, or that one claims who could not be read."""
    stuck: set[str] = field(default_factory=set)
    """Vault secrets, lower-case, whose last good values stay wherever they are."""
    wrong: bool = False
    """Whether anything is there that a pass has to complain of."""
    wants: dict[str, Wants] = field(default_factory=dict)
    """What those want that can be written, also where another has the key."""
    shut: set[str] = field(default_factory=set)
    """Further Secrets that are there and not to be had: what is in them stays, and is reported."""


def expected(world: World, kept: Kept) -> Expected:
    """Work out what a pass over this vault has to come to."""
    found = Expected()
    shut = {secret for secret in kept.secrets()[1:] if _is_shut(world, kept, secret)}
    found.shut = {secret for secret in shut if world.secret(kept.namespace, secret) is not None}
    wants: dict[str, Wants] = {}
    for name, version in kept.snapshot.items():
        each = wish(kept.own, version, world.values)
        if isinstance(each, Wants):
            wants[name] = each
        if each is No.WRONG or (
            isinstance(each, Wants) and (each.secret in shut or _has_type(world, kept, each))
        ):
            found.stuck.add(name)
            found.wrong = True
        elif isinstance(each, Wants) and _may_have_lost_tags(world, kept, name):
            found.stuck.add(name)
    found.wants = {name: each for name, each in wants.items() if name not in found.stuck}
    _settle_claims(found, wants, {name: _claims(world, kept, name) for name in found.stuck})
    return found


def _settle_claims(
    found: Expected, wants: Mapping[str, Wants], kept: Mapping[str, AbstractSet[Place]]
) -> None:
    """Leave open what several claim, and say of the rest what it is to be.

    `kept` are the claims that those may still have who are stuck.
    """
    free = [each for name, each in wants.items() if name not in kept]
    claims = Counter(place for each in free for place in each.places)
    found.wrong = found.wrong or any(several > 1 for several in claims.values())
    for name, each in wants.items():
        others = {place for other, places in kept.items() if other != name for place in places}
        contested = {place for place in each.places if claims[place] > 1 or place in others}
        found.loose |= contested
        if contested:
            found.stuck.add(name)
        if name not in found.stuck:
            found.places |= each.places
    found.loose |= {place for places in kept.values() for place in places}


def _claims(world: World, kept: Kept, name: str) -> set[Place]:
    """Return every place that a vault secret ever asked for: one that failed may still claim it."""
    wishes = [
        wish(kept.own, past[name], world.values)
        for _, past in world.past[kept.vault.name]
        if name in past
    ]
    return {place for each in wishes if isinstance(each, Wants) for place in each.places}


def _may_have_lost_tags(world: World, kept: Kept, name: str) -> bool:
    """Tell whether a version has no tags of ours and a former one had: it may be refused."""
    former = [past[name] for _, past in world.past[kept.vault.name] if name in past]
    return not is_tagged(kept.snapshot[name]) and any(map(is_tagged, former))


def _is_shut(world: World, kept: Kept, secret: str) -> bool:
    """Tell whether a further Secret is not to be had: not in the Role, or not the sync's."""
    if secret == f"{kept.own}-{CLOSED}":
        return True
    document = world.secret(kept.namespace, secret)
    if document is None:
        return False
    return not (owns_state(document) or is_restored(document, kept, secret)) or is_claimed(document)


def _has_type(world: World, kept: Kept, each: Wants) -> bool:
    """Tell whether the Secret is there with another type, which nothing can change."""
    document = world.secret(kept.namespace, each.secret)
    return document is not None and text(document, "type") != each.type


def is_claimed(document: Document) -> bool:
    """Tell whether somebody else's label is on a Secret."""
    labels = texts(child(document, "metadata"), "labels")
    return labels.get("app.kubernetes.io/managed-by", "keyvault-sync") != "keyvault-sync"


def check(world: World, watch: Watch, app: App) -> None:
    """Heal the world, sweep and compare, and see that a further pass rests; raises Broken.

    Where a Secret's state was lost, keys that nothing claims go one pass later, and of an empty
    vault once removals are asked for again.
    """
    refusals = [_refusal(world, kept) for kept in world.kept]
    for kept, outcome, refusal in zip(world.kept, _sweep(world, app), refusals, strict=True):
        _judge(outcome, expected(world, kept), refusal)
    for kept, refusal in zip(world.kept, refusals, strict=True):
        if refusal:
            _judge(_asked_for(world, kept, app), expected(world, kept))
    _compare(world, watch, patient=True)
    world.main = Actor()
    world.sleep(PATIENCE_SECONDS)
    _sweep(world, app)
    for kept in world.kept:
        if not kept.snapshot and any(
            (kept.namespace, s) in watch.stateless for s in kept.secrets()
        ):
            _asked_for(world, kept, app)  # removals were asked for before its keys could go
    _compare(world, watch, patient=False)
    world.sleep(10)
    version = world.cluster.version
    for kept, outcome in zip(world.kept, _sweep(world, app), strict=True):
        wanted = expected(world, kept)
        _judge(outcome, wanted, "" if wanted.places else _refusal(world, kept))
    if world.cluster.version != version:
        raise Broken("rests", "the second pass writes again")


def _asked_for(world: World, kept: Kept, app: App) -> Outcome:
    """Let an operator ask for what passes refuse of one target."""
    world.main = Actor(removals=True, takeover=True)
    asked = Resync(kept.vault.name, kept.place, removals=True, takeover=True, refetch=True)
    (outcome,) = app.resync(asked)
    world.main = Actor()
    return outcome


def _compare(world: World, watch: Watch, *, patient: bool) -> None:
    """Raise Broken for the first difference; `patient` leaves keys whose record was lost."""
    for kept in world.kept:
        for fault in differences(world, watch, kept, patient=patient):
            raise Broken("agrees", f"{kept.vault.name}: {fault}")


def _sweep(world: World, app: App) -> list[Outcome]:
    """Sweep, and return the outcomes in the order of the targets, which a pass has none of."""
    outcomes = {
        f"{outcome.target.namespace}/{outcome.target.secret}": outcome
        for outcome in app.resync_known()
        if isinstance(outcome, Failed | Converged) and outcome.target is not None
    }
    return [outcomes[kept.place] for kept in world.kept]


def _refusal(world: World, kept: Kept) -> str:
    """Return the reason for which a whole vault may be refused until an operator asks for it."""
    own = world.secret(kept.namespace, kept.own)
    if own is not None and is_claimed(own):
        return "TargetTaken"
    return "" if kept.snapshot else "UnsafePlan"


def _judge(outcome: Outcome, wanted: Expected, refusal: str = "") -> None:
    """Compare what a pass says of a vault with what is expected of it."""
    match outcome:
        case Converged() if not wanted.wrong:
            return
        case Failed(error=error) if error.reason == refusal:
            return
        case Failed(error=error) if error.reason in LEFT_ALONE and (wanted.stuck or wanted.shut):
            return
        case Failed(vault=vault, error=error):
            raise Broken("agrees", f"{vault} fails: {error.reason}: {error.message}")
        case _:
            raise Broken("agrees", f"{outcome} although something is wrong")


def differences(world: World, watch: Watch, kept: Kept, *, patient: bool) -> Iterator[str]:
    """Yield where the cluster is not as the vault wants it."""
    wanted = expected(world, kept)
    yield from _neglected(world, kept, wanted)
    yield from watch.ledger.counted_in_vain(kept, wanted.places.keys() - wanted.loose)
    for (secret, key), value in sorted(wanted.places.items()):
        if (secret, key) in wanted.loose:
            continue
        held = world.data(kept.namespace, secret).get(key)
        if held != value:
            found = None if held is None else world.values.found(held)
            made = world.values.found(value)
            yield f"{key} of {secret} is {found and found.ordinal}, not {made and made.ordinal}"
    index = _index(world, kept)
    for secret in kept.secrets():
        orphaned = (kept.namespace, secret) in watch.orphans and secret not in index
        if orphaned or secret in wanted.shut:
            continue
        yield from _mislabelled(world, watch, kept, wanted, secret)
        if (kept.namespace, secret) in watch.stateless and (wanted.stuck or patient):
            continue  # whose each key was nothing tells: it may be of one that is stuck
        for key, value in world.data(kept.namespace, secret).items():
            made = world.values.found(value)
            place = (secret, key)
            if made is None or made.name in wanted.stuck or place in wanted.loose:
                continue
            if place not in wanted.places:
                yield f"{key} of {secret}, from {made.name}, is left over"


def _mislabelled(
    world: World, watch: Watch, kept: Kept, wanted: Expected, secret: str
) -> Iterator[str]:
    """Yield the labels and the link that a Secret lacks, and the label that nobody asked for there.

    A label that a restored Secret brought along is as somebody else's.
    """
    document = world.secret(kept.namespace, secret)
    if document is None or not owns_state(document):
        return
    labels = texts(child(document, "metadata"), "labels")
    if labels.get("env") != "dev":
        yield f"{secret} lacks the platform's label"
    if LINK not in texts(child(document, "metadata"), "annotations"):
        yield f"{secret} lacks the link to its vault"
    in_it = {n: each for n, each in wanted.wants.items() if each.secret == secret}
    asked = {each.team for name, each in in_it.items() if name not in wanted.stuck} - {""}
    if asked and {labels.get("team")} != asked:
        yield f"{secret} is labelled {labels.get('team')}, not {asked}"
    known = not wanted.stuck and (kept.namespace, secret) not in watch.stateless
    if "team" in labels and not asked and known:
        yield f"{secret} is labelled {labels['team']}, and nothing asks for it"


def _neglected(world: World, kept: Kept, wanted: Expected) -> Iterator[str]:
    """Yield who has a contested key and is not up to date in it: who has one keeps rotating it."""
    for name, each in wanted.wants.items():
        for (secret, key), value in each.places.items():
            held = world.data(kept.namespace, secret).get(key)
            made = None if held is None else world.values.found(held)
            if made is not None and made.name == name and held != value:
                yield f"{key} of {secret} is {name}'s and is at {made.ordinal}"


def _index(world: World, kept: Kept) -> str:
    """Return what the vault's own Secret says of itself and of the others."""
    own = world.secret(kept.namespace, kept.own) or {}
    return kept.own + texts(child(own, "metadata"), "annotations").get(STATE, "")
