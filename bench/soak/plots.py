"""The vaults and their Secrets, the changes made to them, and how long each is out of step."""

import random
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.soak import values
from local.key_vault import Refused
from local.kubernetes.status import ApiError
from local.stack import Stack
from tests.kit.site import OWN, EmulatedSite, target_of

DICE = random.Random()  # noqa: S311 - load, not cryptography
EVENT, TIMER = "by event", "by timer"

_REMOVED_AT_ONCE = 3  # of 14 secrets: below the app's limit of 30 %
_DISABLED = ("plain-00", "moving-0", "json-0")
"""The secrets that are removed by disabling; the others are deleted."""
_NOTES = 5


@dataclass(slots=True)
class Stale:
    """A secret that differs from its keys: since when, and whether an event or a pass will fix it.

    `calm` if there was no fault meanwhile, `razed` if the own Secret was deleted.
    """

    means: str
    since: float
    calm: bool
    razed: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """How long one secret differed from its keys; `calm` if there was no fault meanwhile."""

    means: str
    seconds: float
    calm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot(EmulatedSite):
    """One vault of the soak, and what others write to its Secrets."""

    foreign: dict[str, bytes] = field(default_factory=dict, repr=False)
    moved: set[str] = field(default_factory=set)
    out: set[str] = field(default_factory=set)
    stale: dict[str, Stale] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_version(self, name: str, *, calm: bool) -> None:
        """Set a new version with its tags; a deleted or disabled secret stays so."""
        content = values.value(name)
        with self.lock:
            if name in self.out:
                return
            tags = values.tags(name, moved=name in self.moved)
            self._touch([name], EVENT, calm=calm)
            if name == values.SITE:
                self.vault.set_certificate(name, content, tags=tags)
            else:
                self.vault.set_secret(name, content, tags=tags)

    def unheard_of(self, *, calm: bool) -> None:
        """Make a change that has no event; the timer's pass must find it."""
        acts = (self._remove_or_return, self._move, self._note, self._tamper, self._raze)
        (act,) = DICE.choices(acts, weights=(2, 1, 1, 2, 1))
        with self.lock:
            try:
                changed = act()
            except ApiError:  # the Secret does not exist at the moment
                return
            self._touch(changed, TIMER, calm=calm, razed=act == self._raze)

    def arrivals(self, *, calm: bool) -> list[Arrival]:
        """Return what has arrived since the last call."""
        with self.lock:
            if not self.stale:
                return []
            held = self.keys()
            arrived = [name for name in self.stale if self._is_right(name, held)]
            now = time.monotonic()
            for stale in self.stale.values():
                stale.calm &= calm
            gone = [self.stale.pop(name) for name in arrived]
            return [Arrival(stale.means, now - stale.since, stale.calm) for stale in gone]

    def oldest(self) -> float:
        """Return for how many seconds something has been out of step; 0 if nothing is."""
        with self.lock:
            since = min((stale.since for stale in self.stale.values()), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def keys(self) -> values.Keys:
        """Return the contents of all Secrets of this vault."""
        held, mine = self.held(), values.secrets_of(self.secret)
        return {
            (secret, key): content
            for secret in mine
            for key, content in held.get(secret, {}).items()
        }

    def differences(self) -> list[str]:
        """Name each wrong key; foreign keys must be there, too."""
        with self.lock:
            wanted = {(self.secret, key): content for key, content in self.foreign.items()}
            for name in values.NAMES:
                wanted |= self._wanted(name)
            held = self.keys()
        return [
            f"{self.namespace}/{secret} {key}"
            for secret, key in sorted({*wanted, *held})
            if held.get((secret, key)) != wanted.get((secret, key))
        ]

    def _touch(self, names: Iterable[str], means: str, *, calm: bool, razed: bool = False) -> None:
        """Record that these secrets and their keys now differ; call with the lock held."""
        for name in names:
            known = self.stale.setdefault(name, Stale(means, time.monotonic(), calm))
            known.calm &= calm
            known.razed |= razed
            if means == TIMER:
                known.means = TIMER  # an event before or after it may not fix this

    def _wanted(self, name: str) -> values.Keys:
        try:
            return values.wanted(self.secret, self.vault.get_secret(name))
        except Refused:
            return {}

    def _is_right(self, name: str, held: values.Keys) -> bool:
        wanted = self._wanted(name)
        places = values.places(self.secret, name)
        return all(held.get(place) == wanted.get(place) for place in places)

    def _is_razed(self) -> bool:
        """Whether the own Secret was deleted and is not yet complete again."""
        return any(stale.razed for stale in self.stale.values())

    def _remove_or_return(self) -> Sequence[str]:
        name = DICE.choice(values.MAY_GO)
        if name in values.MOVING and self._is_razed():
            return ()
        if name in self.out:
            (self.vault.enable if name in _DISABLED else self.vault.recover)(name)
            self.out.discard(name)
        elif len(self.out) < _REMOVED_AT_ONCE:
            (self.vault.disable if name in _DISABLED else self.vault.delete)(name)
            self.out.add(name)
        else:
            return ()
        return (name,)

    def _move(self) -> Sequence[str]:
        name = DICE.choice(values.MOVING)
        if name in self.out or self._is_razed():
            return ()
        self.moved.symmetric_difference_update({name})
        self.vault.update(name, tags=values.tags(name, moved=name in self.moved))
        return (name,)

    def _note(self) -> Sequence[str]:
        note = {f"note-{DICE.randrange(_NOTES)}": secrets.token_bytes(8)}
        self.cluster.patch_data(self.namespace, self.secret, note, manager="team")
        self.foreign.update(note)
        return ()

    def _tamper(self) -> Sequence[str]:
        key = DICE.choice(values.PLAIN)
        if key in self.out:  # while it is out, it would be a foreign key, which stays
            return ()
        content = DICE.choice((b"mallory", None))
        if content is not None or (self.secret, key) in self.keys():
            self.cluster.patch_data(self.namespace, self.secret, {key: content})
        return (key,)

    def _raze(self) -> Sequence[str]:
        """Delete the vault's own Secret, now and then.

        Only the own Secret indexes the further Secrets: what leaves one of these before the own
        Secret is back stays there (docs/proof.md), so nothing may leave one meanwhile.
        """
        if DICE.randrange(4) or not self.stale.keys().isdisjoint(values.MOVING):
            return ()
        self.cluster.delete_secret(self.namespace, self.secret)
        self.foreign.clear()
        return values.NAMES


def plots(stack: Stack, count: int) -> list[Plot]:
    """Create `count` vaults, two per namespace, each with its secrets."""
    names = [f"weu-DS-AKV-p{number // 2:02}-dev-{number % 2 + 1}" for number in range(count)]
    made: list[Plot] = []
    for name in names:
        namespace, own = target_of(name)
        plot = Plot(vault=stack.vault(name), cluster=stack.cluster, namespace=namespace, secret=own)
        made.append(plot)
    for namespace in {plot.namespace for plot in made}:
        owns = (OWN, "keyvault-2", "keyvault-7")
        stack.namespace(namespace, *(name for own in owns for name in values.secrets_of(own)))
    for plot in made:
        for name in values.NAMES:
            plot.new_version(name, calm=False)
    return made
