"""The invariants: what holds at every request of the app and after every write to the cluster."""

import base64
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from local.kubernetes.documents import Document, child, text, texts
from local.kubernetes.kinds import SECRET
from local.kubernetes.store import Change
from tests.model.actors import Actor, Fate
from tests.model.counts import Ledger
from tests.model.inside import Sent
from tests.model.oracle import No, Place, Wants, wish
from tests.model.real import CLUSTER_HOST, PORTAL
from tests.model.states import STATE
from tests.model.values import MARKER, Made
from tests.model.world import Broken, Kept, World

LINK = "link.argocd.argoproj.io/external-link"
_BOTH = 2
"""So many answers that lag may be those to the listing and to the get: nothing then tells a secret
that is minutes old from one that was deleted, which is to lose its keys."""

_MANAGER = "keyvault-sync"
_OURS = ("app.kubernetes.io/managed-by", "keyvault-sync/")
LABELS = ("env", "team")
"""The labels that the platform and tags ask for."""

RULES = {
    "newer": "a value is never replaced by an older one of the same vault secret",
    "present": "no key of a live secret is ever absent once written",
    "moved": "a secret on its way between two places is in one of them at any time",
    "foreign": "what others wrote stays as it is",
    "outside": "nothing outside of the targets is asked for or written",
    "planned": "a write that is accepted was planned on the state that it replaced",
    "order": "what is written was read from the vault after the Secret was read",
    "told": "what is reported as brought over has been written",
    "guard": "a vault that is listed as empty takes nothing away until removals are asked for",
    "dry": "a dry run writes nothing",
    "counted": "each change of a key's value by us moves its count, and nothing else does",
    "valid": "a version that is not valid yet is not written",
    "secret": "a value is in the vault and in the Secret and nowhere else",
    "bug": "nothing is raised that nobody thought of",
    "agrees": "afterwards one pass makes vault and cluster agree",
    "rests": "a second pass finds nothing to write",
}
"""The invariants by name; the last two are of `agreement`."""


@dataclass(frozen=True, slots=True)
class Write:
    """One accepted write of an instance to one Secret of a vault."""

    actor: Actor
    kept: Kept
    secret: str
    before: Document
    after: Document
    old: Mapping[str, bytes] = field(repr=False)
    new: Mapping[str, bytes] = field(repr=False)

    @property
    def path(self) -> str:
        """The Secret's path."""
        return f"/api/v1/namespaces/{self.kept.namespace}/secrets/{self.secret}"


class Watch:
    """Looks at each request and each write of one world, and notes what breaks a rule."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.written: defaultdict[tuple[str, Place], set[str]] = defaultdict(set)
        """The vault secrets, lower-case, that each key was ever written of, by namespace."""
        self.orphans: set[tuple[str, str]] = set()
        """Secrets whose vault's own Secret was lost while they stood, by namespace and name."""
        self.stateless: set[tuple[str, str]] = set()
        """Secrets whose state somebody else has taken, at any time."""
        self.newest: dict[tuple[str, str], int] = {}
        """How new a value of each vault secret, by target and lower-case name, was ever written."""
        self.ledger = Ledger(world)
        world.on_write(self._changed)
        world.asked = self._asked

    def told(
        self, kept: Kept, began: int, names: Collection[str] | None, unread: Collection[str]
    ) -> None:
        """Check what an instance reports as brought over: these names, or (None) the whole vault.

        `began` is the moment at which it began, `unread` are those that it says are not.
        """
        snapshots = list(self._world.since(kept, began))
        missed = {name.lower() for name in unread}
        for name, version in snapshots[0].items():
            if name in missed or (names is not None and name not in {n.lower() for n in names}):
                continue
            versions = [snapshot.get(name) for snapshot in snapshots]
            wishes = [v and wish(kept.own, v, self._world.values) for v in versions]
            made = self._world.values.behind(version.value)
            newest = self.newest.get((kept.place, name), 0)
            if all(isinstance(each, Wants) for each in wishes) and newest < made.ordinal:
                self._break("told", f"{name} is at {newest} and not at {made.ordinal}")

    def _break(self, rule: str, what: str) -> None:
        self._world.broken.append(Broken(rule, what))

    def _asked(self, actor: Actor, sent: Sent) -> None:
        """Check what an instance asks for."""
        if sent.host != CLUSTER_HOST:
            if sent.method != "GET" or not sent.path.startswith("/secrets"):
                self._break("outside", f"{sent.method} {sent.path} at {sent.host}")
            return
        parts = sent.path.split("/")
        named = len(parts) == 7 and any(each.has(parts[4], parts[6]) for each in self._world.kept)
        if sent.method not in {"GET", "PATCH"} or not named:
            self._break("outside", f"{sent.method} {sent.path} at the cluster")
        if sent.method == "PATCH" and actor.dry_run and "dryRun=All" not in sent.target:
            self._break("dry", f"{sent.path} is written in a dry run")

    def _changed(self, change: Change, actor: Actor | None) -> None:
        """Check a change of the cluster."""
        name = text(change.after.metadata, "name")
        kept = next((k for k in self._world.kept if k.has(change.namespace, name)), None)
        if actor is None:
            if kept is not None and change.kind is SECRET:
                self._disturbed(change, kept, name)
            return
        if kept is None or change.kind is not SECRET:
            self._break("outside", f"{change.kind.name} {change.namespace}/{name} is written")
            return
        before = change.before.document if change.before else {}
        after = change.after.document
        write = Write(actor, kept, name, before, after, data_of(before), data_of(after))
        for key, value in write.new.items():
            if made := self._world.values.found(value):
                self.written[kept.namespace, (name, key)].add(made.name)
                source = (kept.place, made.name)
                self.newest[source] = max(made.ordinal, self.newest.get(source, 0))
        for rule, what in self._faults(write):
            self._break(rule, what)

    def _disturbed(self, change: Change, kept: Kept, name: str) -> None:
        """Note what somebody else takes from us: a Secret's own history ends with it."""
        if change.type == "DELETED":
            for at in [at for at in self.written if at[0] == kept.namespace and at[1][0] == name]:
                del self.written[at]
            self.orphans.discard((kept.namespace, name))
        before = change.before.bare if change.before else {}
        lost = change.type == "DELETED" or _state(before) != _state(change.after.bare)
        if lost:
            self.stateless.add((kept.namespace, name))
            found = {} if change.type == "DELETED" else change.after.document
            self.ledger.lost(kept.namespace, name, found)
        if name == kept.own and lost:
            self.orphans |= {(kept.namespace, other) for other in kept.secrets()[1:]}

    def _faults(self, write: Write) -> Iterator[tuple[str, str]]:
        yield from self._planned(write)
        yield from self._foreign(write)
        yield from self._spilled(write)
        for key in sorted(write.old.keys() | write.new.keys()):
            yield from self._of_key(write, key)
        yield from self._moved(write)
        yield from self._guard(write)
        yield from self.ledger.faults(write)

    def _planned(self, write: Write) -> Iterator[tuple[str, str]]:
        seen = write.actor.seen.get(write.path)
        version = text(child(write.before, "metadata"), "resourceVersion") or None
        if seen is None or seen.version != version:
            yield "planned", f"{write.secret} was {version} when it was written, not {seen}"

    def _foreign(self, write: Write) -> Iterator[tuple[str, str]]:
        for part in ("labels", "annotations"):
            if not write.before:
                break
            old, new = (
                {
                    k: v
                    for k, v in texts(child(each, "metadata"), part).items()
                    if not (_is_ours(k) or (k == LINK and v.startswith(PORTAL)))
                }
                for each in (write.before, write.after)
            )
            if old != new:
                yield "foreign", f"{part} of {write.secret} become {sorted(new)}"
        manager = texts(child(write.before, "metadata"), "labels").get(_OURS[0], _MANAGER)
        if manager != _MANAGER and not write.actor.takeover:
            yield "foreign", f"{write.secret} is {manager}'s and is written"
        for key, value in write.old.items():
            if key.startswith("foreign") and write.new.get(key) != value:
                yield "foreign", f"key {key} of {write.secret} changes"

    @staticmethod
    def _spilled(write: Write) -> Iterator[tuple[str, str]]:
        if MARKER in json.dumps(child(write.after, "metadata")):
            yield "secret", f"a value is in the metadata of {write.secret}"

    def _of_key(self, write: Write, key: str) -> Iterator[tuple[str, str]]:
        values = self._world.values
        old, new = write.old.get(key), write.new.get(key)
        if old == new:
            return
        was = None if old is None else values.found(old)
        now = None if new is None else values.found(new)
        place = (write.secret, key)
        if was and now and was.name == now.name:
            excused = _is_undecidable(write.actor, was, now) or self._stands_in(write, was, now)
            if now.ordinal < was.ordinal and not excused:
                yield "newer", f"{key} of {write.secret} goes from {was.ordinal} to {now.ordinal}"
        elif old is not None:
            names = {was.name} if was else self.written[write.kept.namespace, place]
            for name in names - ({now.name} if now else set()):
                if self._wanted_throughout(write, name, place):
                    yield "present", f"{key} of {write.secret}, from {name}, is gone"
        if now and self._waits(write, now):
            yield "valid", f"{key} of {write.secret} is at {now.ordinal}, which is not valid yet"
        if now and not self._fetched_after(write, now):
            yield "order", f"{key} of {write.secret} was read before the Secret"

    def _waits(self, write: Write, now: Made) -> bool:
        """Tell whether the version of a value becomes valid later."""
        versions = write.kept.vault.list_versions(now.name).entries
        (nbf,) = [each.nbf for each in versions if each.value == now.value] or [None]
        return nbf is not None and nbf > self._world.time

    def _stands_in(self, write: Write, was: Made, now: Made) -> bool:
        """Tell whether the older value is the one to use, since the newer was disabled after it."""
        seen = write.actor.seen.get(write.path)
        since = list(self._world.since(write.kept, seen.moment if seen else self._world.moment))
        newer_was_used = False
        for _, snapshot in self._world.past[write.kept.vault.name]:
            version = snapshot.get(now.name)
            value = None if version is None else version.value
            newer_was_used = newer_was_used or value == was.value
            if newer_was_used and value == now.value and snapshot in since:
                return True
        return False

    def _fetched_after(self, write: Write, now: Made) -> bool:
        seen = write.actor.seen.get(write.path)
        fetched = write.actor.fetched.get((now.vault.lower(), now.name), -1)
        return seen is not None and fetched > seen.moment

    def _wanted_throughout(self, write: Write, name: str, place: Place) -> bool:
        """Tell whether a vault wanted a key all the time that the write was planned in."""
        return all(
            each is No.WRONG or (isinstance(each, Wants) and place in each.places)
            for each in self._wishes(write, name)
        )

    def _wishes(self, write: Write, name: str) -> Iterator[Wants | No]:
        seen = write.actor.seen.get(write.path)
        world = self._world
        seconds: set[int] = set()
        for snapshot in world.since(write.kept, seen.moment if seen else world.moment):
            version = snapshot.get(name)
            seconds |= {version.updated} if version else set()
            yield (No.OUT if version is None else wish(write.kept.own, version, world.values))
        lagging = list(write.actor.fates.values()).count(Fate.LAG)
        if lagging:
            for _, snapshot in world.past[write.kept.vault.name]:
                if (version := snapshot.get(name)) is not None:
                    former = wish(write.kept.own, version, world.values)
                    if former is not No.OUT or version.updated in seconds:
                        yield former  # out only where its second cannot tell it from the newest
        if lagging >= _BOTH:
            yield No.OUT

    def _moved(self, write: Write) -> Iterator[tuple[str, str]]:
        """Compare where each vault secret was and is, over all Secrets of the vault."""
        taken = {made.name for made in self._made(write.old)} - {
            made.name for made in self._made(write.new)
        }
        for name in sorted(taken):
            if any(each is No.OUT for each in self._wishes(write, name)):
                continue
            if self._is_unknowable(write, name) or self._was_respelled(write, name):
                continue
            if self._was_deleted_meanwhile(write, name):
                continue
            world = self._world
            held = (
                world.data(write.kept.namespace, each)
                for each in write.kept.secrets()
                if each != write.secret
            )
            if not any(made.name == name for data in held for made in self._made(data)):
                yield "moved", f"{name} leaves {write.secret} and is nowhere else"

    def _was_deleted_meanwhile(self, write: Write, name: str) -> bool:
        """Tell whether somebody deleted the Secret that a key has moved to since it was read.

        A write has a precondition on its own Secret only: nothing tells that the key's new place is
        gone by now, and the key with it.
        """
        folder, _, _ = write.path.rpartition("/")
        places = {
            secret
            for each in self._wishes(write, name)
            if isinstance(each, Wants)
            for secret, _ in each.places
        }
        return any(
            (seen := write.actor.seen.get(f"{folder}/{secret}")) is not None
            and seen.version is not None
            and self._world.secret(write.kept.namespace, secret) is None
            for secret in places - {write.secret}
        )

    def _was_respelled(self, write: Write, name: str) -> bool:
        """Tell whether a secret was purged and made anew in another case: its former keys may go.

        Mostly the new one takes their place in the same write; where its key clashes it does not.
        """
        past = self._world.past[write.kept.vault.name]
        return len({snapshot[name].name for _, snapshot in past if name in snapshot}) > 1

    def _is_unknowable(self, write: Write, name: str) -> bool:
        """Tell whether nothing could tell that a key which another secret takes was this one's.

        Somebody else's edit took the state from the Secret, tags led this secret elsewhere, and
        another one asks for its very key. Where the state is there, the other one waits.
        """
        found = self._world.values.found
        keys = [k for k, v in write.old.items() if (made := found(v)) and made.name == name]
        taken = all(key in write.new and found(write.new[key]) for key in keys)
        return taken and f'"vault":"{write.kept.vault.name.lower()}"' not in _state(write.before)

    def _made(self, data: Mapping[str, bytes]) -> Iterator[Made]:
        for value in data.values():
            if made := self._world.values.found(value):
                yield made

    def _guard(self, write: Write) -> Iterator[tuple[str, str]]:
        lost = {k for k, v in write.old.items() if self._world.values.found(v)} - write.new.keys()
        seen = write.actor.seen.get(write.path)
        if not lost or write.actor.removals or seen is None:
            return
        if not any(self._world.since(write.kept, seen.moment)):
            yield "guard", f"{sorted(lost)} of {write.secret} go with an empty listing"


def _is_undecidable(actor: Actor, was: Made, now: Made) -> bool:
    """Tell whether nothing a vault says could have told which of two values is the newer one.

    Key Vault's times have whole seconds: of two versions of one second, read from two replicas of
    which one lags, either may be the newer. What is written then is not settled, so the next pass
    reads it again; nothing better is possible.
    """
    return was.second == now.second and Fate.LAG in actor.fates.values()


def data_of(document: Document) -> dict[str, bytes]:
    """Return what a Secret holds."""
    return {key: base64.b64decode(value) for key, value in texts(document, "data").items()}


def _state(document: Document) -> str:
    return texts(child(document, "metadata"), "annotations").get(STATE, "")


def _is_ours(key: str) -> bool:
    return key.startswith(_OURS) or key in LABELS
