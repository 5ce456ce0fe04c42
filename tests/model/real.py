"""The real app, its real clients over a wire inside the process, once for all histories."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from unittest import mock

from local.kubernetes.credentials import kubeconfig
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.vault_transport import VaultTransport
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigText
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.app.use_cases import App
from sync.core.model import VaultName
from sync.core.placements import Entry, placed
from sync.core.ports import Deadline
from sync.projection.rules import Rules
from sync.reconcile.reconciler import Reconciler
from tests.kit.apps import NAMING, app_of
from tests.kit.fakes import Inline, no_wait_turns
from tests.kit.tokens import Token
from tests.model.inside import Answered, Sent, pool_class

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
VAULTS = ("weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2", "weu-DS-AKV-till-dev-1")
"""Two of one project, which share a namespace, and one of another."""

PLACED_VAULT = "myapp-kv"
PLACES = (("shop-dev", "myapp"), ("shop-dev", "other"), ("till-dev", "myapp"))
"""The targets of a vault that a table places: two in one namespace, and one in another."""

CLUSTER_HOST = "cluster.example"
TOKEN = "the-app"
_SECONDS = 24


class Carrier(Protocol):
    """A world: what a history's requests reach, and its clock."""

    def carry(self, sent: Sent) -> Answered:
        """Answer a request."""
        ...

    def now(self) -> float:
        """Return epoch seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


@dataclass(slots=True)
class Wire:
    """Where the clients' requests go: the world of the moment."""

    world: Carrier | None = None

    def carry(self, sent: Sent) -> Answered:
        """Hand on a request."""
        assert self.world is not None
        return self.world.carry(sent)

    def now(self) -> float:
        """Return the world's time."""
        return self.world.now() if self.world else 0.0

    def sleep(self, seconds: float) -> None:
        """Let the world's time pass."""
        assert self.world is not None
        self.world.sleep(seconds)


_PLACED = placed(
    NAMING,
    [
        Entry(VaultName(PLACED_VAULT), "myapp", "dev", namespace, secret)
        for namespace, secret in PLACES
    ],
    is_one=str.__eq__,
    prefixes=False,
)

RULES = Rules(labels=(("env", "dev"),), label_tags=(("team", "team"),), portal_links=True)
"""The platform's labels, the one that tags may set, and the link to a vault's page."""


PORTAL = "https://portal.example/"


def page_of(vault: VaultName) -> str:
    """Return the address of a vault's page."""
    return f"{PORTAL}{vault}"


@dataclass(frozen=True, slots=True)
class Real:
    """The app's parts, as the bootstrap puts them together."""

    wire: Wire
    apps: Sequence[App]
    """One that knows the placed vault, one the first by rule, one the first two, and so on."""
    reconciler: Reconciler
    clusters: Clusters
    inline: Inline = field(default_factory=Inline)

    @classmethod
    def of(cls, wire: Wire, reconciler: Reconciler, clusters: Clusters) -> "Real":
        """Put the parts together around a reconciler."""
        vaults = tuple(NAMING.vault(name) for name in VAULTS)
        subscriptions = frozenset({SUBSCRIPTION})
        apps = [
            app_of(reconciler, *_PLACED.table, naming=_PLACED, subscriptions=subscriptions),
            *(
                app_of(reconciler, *vaults[:number], subscriptions=subscriptions)
                for number in range(1, len(vaults) + 1)
            ),
        ]
        return cls(wire, apps, reconciler, clusters)

    def uncounted(self) -> "Real":
        """Return the app on the same clients without the counts of changes."""
        return self.of(self.wire, replace(self.reconciler, counting=False), self.clusters)

    def deadline(self) -> Deadline:
        """Return the deadline of an event."""
        return Deadline.after(_SECONDS, self.wire.now)


def build(wire: Wire) -> Real:
    """Build the app on real clients whose pools of connections lead to the wire."""
    vaults = tuple(NAMING.vault(name) for name in VAULTS)
    (placed_vault,) = _PLACED.table
    pools = {"https": pool_class(wire.carry)}
    text = kubeconfig(f"https://{CLUSTER_HOST}", b"", TOKEN)
    with (
        mock.patch("urllib3.poolmanager.pool_classes_by_scheme", pools),
        mock.patch("sync.adapters.azure.key_vault.VaultTransport", _transport(wire.sleep)),
    ):
        clusters = Clusters([ClusterConfig("default", KubeconfigText(text))])
        key_vaults = KeyVaults(Token(TOKEN), "vault.azure.net", now=wire.now, clock=wire.now)
        cluster = KubernetesSecrets(clusters)
        _open(key_vaults, cluster, (*vaults, placed_vault))
    reconciler = Reconciler(
        key_vaults,
        cluster,
        wire.now,
        turns=no_wait_turns,
        rules=RULES,
        pages=page_of,
        counting=True,
    )
    return Real.of(wire, reconciler, clusters)


def _open(key_vaults: KeyVaults, cluster: KubernetesSecrets, vaults: Sequence[VaultName]) -> None:
    """Get the token and make each connection, before any history."""
    deadline = Deadline.after(_SECONDS, time.monotonic)
    for vault in vaults:
        key_vaults.list(vault, deadline)
        cluster.read(_PLACED.targets(vault)[0], deadline)


def _transport(sleep: Callable[[float], None]) -> type[VaultTransport]:
    class Sleeping(VaultTransport):
        """Takes its rests on the wire's clock, and asks no proxy of this machine."""

        def __init__(self, hosts: int, connections: int) -> None:
            super().__init__(hosts, connections)
            self._proxy_of = lambda _host: None

        def sleep(self, duration: float) -> None:
            sleep(duration)

    return Sleeping
