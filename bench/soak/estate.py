"""The vaults, the Secrets that belong to them, and for how long each has been out of step."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.soak import shapes
from local.key_vault import Refused, Vault, Version
from local.kubernetes import AnyCluster
from local.kubernetes.status import ApiError
from local.stack import Stack

EVENT, TIMER = "by event", "by timer"
_REMOVED_AT_ONCE = 3  # of 14 secrets: below the third that the app refuses to remove


@dataclass(frozen=True, slots=True)
class Arrival:
    """How long one secret of a vault was other than its keys; `calm` if nothing was ill then."""

    means: str
    seconds: float
    calm: bool


@dataclass(slots=True)
class _Stale:
    means: str
    since: float
    calm: bool


@dataclass(slots=True)
class Plot:
    """One vault, its namespace, and what others put into its Secrets."""

    vault: Vault
    cluster: AnyCluster
    namespace: str
    own: str
    foreign: dict[str, bytes] = field(default_factory=dict, repr=False)
    moved: set[str] = field(default_factory=set)
    out: set[str] = field(default_factory=set)
    stale: dict[str, _Stale] = field(default_factory=dict)
    razed: bool = False
    """Whether the own Secret was deleted, and not all is back."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def touch(self, names: Iterable[str], means: str, *, calm: bool) -> None:
        """Note that these secrets and their keys differ by now; call with the lock held."""
        for name in names:
            known = self.stale.setdefault(name, _Stale(means, time.monotonic(), calm))
            known.calm &= calm
            if means == TIMER:
                known.means = TIMER  # an event before or after it may not bring this

    def arrivals(self, *, calm: bool) -> list[Arrival]:
        """Return what has arrived since the last look."""
        with self.lock:
            if not self.stale:
                return []
            held = self.held()
            arrived = [name for name in self.stale if self._is_right(name, held)]
            now = time.monotonic()
            for stale in self.stale.values():
                stale.calm &= calm
            gone = [self.stale.pop(name) for name in arrived]
            self.razed &= bool(self.stale)
            return [Arrival(stale.means, now - stale.since, stale.calm) for stale in gone]

    def oldest(self) -> float:
        """Return the seconds since which something has not arrived; 0 where all has."""
        with self.lock:
            since = min((stale.since for stale in self.stale.values()), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def held(self) -> shapes.Keys:
        """Return all that the Secrets hold."""
        return {
            (secret, key): content
            for secret in shapes.secrets_of(self.own)
            for key, content in self.data(secret).items()
        }

    def data(self, secret: str) -> Mapping[str, bytes]:
        """Return one Secret's keys; none where it is absent."""
        try:
            return self.cluster.data(self.namespace, secret)
        except ApiError:
            return {}

    def served(self, name: str) -> Version | None:
        """Return the version that the vault serves, if it does."""
        try:
            return self.vault.get_secret(name)
        except Refused:
            return None

    def differences(self) -> list[str]:
        """Name each key that is not as it has to be; what others put in is to be there, too."""
        with self.lock:
            wanted = {(self.own, key): content for key, content in self.foreign.items()}
            for name in shapes.NAMES:
                wanted |= self._wanted(name)
            held = self.held()
        return [
            f"{self.namespace}/{secret} {key}"
            for secret, key in sorted({*wanted, *held})
            if held.get((secret, key)) != wanted.get((secret, key))
        ]

    def may_lose(self) -> bool:
        """Whether one more secret may go without the app seeing a danger in it."""
        return len(self.out) < _REMOVED_AT_ONCE

    def _wanted(self, name: str) -> shapes.Keys:
        version = self.served(name)
        return {} if version is None else shapes.wanted(self.own, version)

    def _is_right(self, name: str, held: shapes.Keys) -> bool:
        wanted = self._wanted(name)
        return all(held.get(place) == wanted.get(place) for place in shapes.places(self.own, name))


def plots(stack: Stack, count: int) -> list[Plot]:
    """Make so many vaults, two to a namespace, as yet empty."""
    made: list[Plot] = []
    for number in range(count):
        project, place = f"p{number // 2:02}", number % 2 + 1
        namespace = f"{project}-dev"
        own = "keyvault-project" if place == 1 else f"keyvault-{place}"
        vault = stack.vault(f"weu-DS-AKV-{project}-dev-{place}")
        made.append(Plot(vault, stack.cluster, namespace, own))
    for namespace in {plot.namespace for plot in made}:
        secrets = (
            name
            for own in ("keyvault-project", "keyvault-2", "keyvault-7")
            for name in shapes.secrets_of(own)
        )
        stack.namespace(namespace, *secrets)
    return made
