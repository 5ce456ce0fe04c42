"""The rules of applications: what holds at every write to one's Secret, and at the end."""

from collections.abc import Iterator

from local.kubernetes.documents import text, texts
from local.kubernetes.kinds import SECRET
from local.kubernetes.store import Change
from tests.model.actors import Actor
from tests.model.applications.objects import KINDS, SECRETS, Objects, variables, wanted
from tests.model.inside import Sent
from tests.model.real import CLUSTER_HOST
from tests.model.states import state
from tests.model.watch import Watch, Write, data_of
from tests.model.world import Broken, World

RULES = {
    "stays": "no variable leaves while the object lists its vault secret and the vault has it",
    "unasked": "an application that lists nothing loses nothing until removals are asked for",
    "theirs": "a Secret that somebody else made is not written",
    "noted": "the vault's own Secret remembers an application's Secret before it gets variables",
    "exact": "in the end each Secret has exactly the variables of what its object lists",
    "recalled": "in the end the own Secret remembers each of these Secrets that has variables",
    "idle": "in the end a pass writes nothing",
}
"""The rules by name, beside those of the Secrets."""


class Witness(Watch):
    """Looks at each write to an application's Secret, beside those to the vault's own one.

    A write is held against all that was so since its instance read the Secret.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._kept = world.kept[0]
        self.objects = Objects(world, self._kept.namespace)
        self._theirs: set[str] = set()
        self._own_lost = -1
        """When somebody else last wrote to the vault's own Secret."""
        self._stateless: set[str] = set()
        """Secrets of which somebody else took the state."""
        self._orphans: set[str] = set()
        """Secrets that the own Secret remembered until somebody else took its state."""

    def end(self) -> Iterator[Broken]:
        """Yield what is wrong once all is well and nothing more is to be done."""
        for secret in SECRETS:
            found = self._world.secret(self._kept.namespace, secret) or {}
            holder = text(state(found), "application")
            if secret in self._orphans and not self.objects.leading_to(secret).get(holder):
                continue  # nothing leads to it any more, and another application may not have it
            for what in self._inexact(secret):
                yield Broken("exact", what)
            if self._ours(secret) and secret not in self._remembered():
                yield Broken("recalled", f"{secret} is not remembered")

    def _ours(self, secret: str) -> dict[str, bytes]:
        """Return what a Secret holds that was ever in a vault."""
        data = self._world.data(self._kept.namespace, secret)
        return {key: value for key, value in data.items() if self._world.values.found(value)}

    def _remembered(self) -> dict[str, str]:
        """Return which applications' Secrets the own Secret remembers."""
        own = self._world.secret(self._kept.namespace, self._kept.own) or {}
        return dict(texts(state(own), "applications"))

    def _inexact(self, secret: str) -> Iterator[str]:
        values = self._world.values
        leading = self.objects.leading_to(secret)
        listing = [name for name, listed in leading.items() if listed]
        found = self._world.secret(self._kept.namespace, secret) or {}
        holder = text(state(found), "application")
        if len(listing) == 1:
            (holder,) = listing
        listed, snapshot = leading.get(holder, frozenset()), self._kept.snapshot
        want = wanted(listed, snapshot, values)
        # Any key without a record may be the last good value of what is refused.
        is_refused = (
            bool(want.claimants)
            or (len(listing) > 1 and not holder)
            or any(not variables(snapshot.get(name), values) for name in listed)
        )
        may_stay = is_refused and secret in self._stateless
        ours = self._ours(secret)
        for key in sorted(want.sure.keys() | ours.keys()):
            made = values.found(ours.get(key, b""))
            claimed = made is not None and made.name in want.claimants
            excused = claimed or (may_stay and key not in want.sure)
            if ours.get(key) != want.sure.get(key) and not excused:
                yield f"{key} of {secret}, for {holder or 'nobody'}, is at {made and made.ordinal}"

    def _asked(self, actor: Actor, sent: Sent) -> None:
        parts = sent.path.split("/")
        here = sent.host == CLUSTER_HOST and self._kept.namespace in parts
        of_objects = here and any(kind.plural in parts for kind in KINDS.values())
        if of_objects and sent.method == "GET":
            return
        if here and parts[-2] == "secrets" and parts[-1] in SECRETS:
            if sent.method not in {"GET", "PATCH"}:
                self._break("outside", f"{sent.method} {sent.path} at the cluster")
            return
        super()._asked(actor, sent)

    def _changed(self, change: Change, actor: Actor | None) -> None:
        name = text(change.after.metadata, "name")
        if change.kind in KINDS.values() and actor is None:
            self.objects.changed(change)
        elif change.kind is SECRET and name in SECRETS:
            self._written(change, name, actor)
        else:
            if name == self._kept.own:
                self._own_changed(change, actor)
            super()._changed(change, actor)

    def _own_changed(self, change: Change, actor: Actor | None) -> None:
        """Note which Secrets are remembered no longer, or again."""
        before, after = (
            set() if each is None else {*texts(state(each.document), "applications")}
            for each in (change.before, None if change.type == "DELETED" else change.after)
        )
        if actor is None:
            self._own_lost = self._world.moment
            self._orphans |= before - after
        self._orphans -= after

    def _written(self, change: Change, secret: str, actor: Actor | None) -> None:
        before = change.before.document if change.before else {}
        after = change.after.document
        if actor is None:
            if change.type == "DELETED":
                self._theirs.discard(secret)
                self._stateless.discard(secret)
            elif change.type == "ADDED":
                self._theirs.add(secret)
            elif not state(after):
                self._stateless.add(secret)
            return
        write = Write(actor, self._kept, secret, before, after, data_of(before), data_of(after))
        for rule, what in self._faults_of(write):
            self._break(rule, what)
        if actor.takeover:
            self._theirs.discard(secret)

    def _faults_of(self, write: Write) -> Iterator[tuple[str, str]]:
        yield from self._planned(write)
        yield from self._foreign(write)
        yield from self._spilled(write)
        if write.secret in self._theirs and not write.actor.takeover:
            yield "theirs", f"{write.secret} is written"
        for key in sorted(write.old.keys() | write.new.keys()):
            yield from self._of_variable(write, key)
        holder = text(state(write.after), "application")
        seen = write.actor.seen.get(write.path)
        lost_since = seen is None or self._own_lost >= seen.moment
        is_new = bool(write.new) and holder != text(state(write.before), "application")
        if is_new and not lost_since and self._remembered().get(write.secret) != holder:
            yield "noted", f"{write.secret} gets variables of {holder}"

    def _of_variable(self, write: Write, key: str) -> Iterator[tuple[str, str]]:
        found, seen = self._world.values.found, write.actor.seen.get(write.path)
        was, now = found(write.old.get(key, b"")), found(write.new.get(key, b""))
        if now and now != was and not self._fetched_after(write, now):
            yield "order", f"{key} of {write.secret} was read before the Secret"
        if was is None or was == now:
            return
        if now and was.name == now.name:
            if now.ordinal < was.ordinal:
                yield "newer", f"{key} of {write.secret} goes from {was.ordinal} to {now.ordinal}"
            return
        holder = text(state(write.before), "application")
        moment = seen.moment if seen else self._world.moment
        listings = list(self.objects.since(holder, moment))
        if all(listed is not None and was.name in listed for listed in listings):
            snapshots = self._world.since(self._kept, moment)
            values = self._world.values
            if all(key in variables(each.get(was.name), values) for each in snapshots):
                yield "stays", f"{key} of {write.secret}, from {was.name}, is gone"
        if not write.actor.removals and all(listed == frozenset() for listed in listings):
            yield "unasked", f"{key} of {write.secret} goes, since {holder} lists nothing"
