"""Measures what each layer of the app adds to its bare calls."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from azure.identity import DefaultAzureCredential

from bench.connections import Access, kubernetes_path, put_secret, secret_path
from bench.single_event import KEY, SPARE, Floor, timed
from bench.timing import Times
from sync import bootstrap, telemetry
from sync.adapters.azure.key_vault import KeyVaults
from sync.core.model import Desired, Target
from sync.core.outcomes import Converged
from sync.core.ports import Cluster, Deadline
from tests.kit.events import new_version

_SECONDS = 20
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the app's calls, and the bare call."""

    name: str
    called: Times
    bare: Times


def measure(access: Access, vault: str, repeats: int) -> Sequence[Layer]:
    """Alternate between the app's layers, in this process, and bare calls."""
    telemetry.quiet_sdks()
    settings = bootstrap.settings()
    app = bootstrap.build(settings)
    target = settings.naming.targets(settings.naming.vault(vault))[0]
    vaults = KeyVaults(DefaultAzureCredential(), settings.dns_suffix)
    door, cluster = access.vault(vault), access.cluster()
    floor = Floor(door, cluster, vault)
    aside = _Aside(app.reconciler.cluster, replace(target, namespace=SPARE))

    def handled(turn: int) -> Callable[[], None]:
        version = put_secret(door, KEY, f"value-{turn}").rpartition("/")[2]
        payload = json.dumps(new_version(vault, KEY, version))

        def call() -> None:
            (pending,) = app.event(payload)
            outcome = pending.outcome.result()
            assert isinstance(outcome, Converged), outcome

        return call

    taken = [
        (
            timed(lambda: vaults.get(target.vault, KEY, _deadline())),
            timed(lambda: door.ask("GET", secret_path(KEY))),
            timed(aside.read),
            timed(lambda: cluster.ask("GET", kubernetes_path(SPARE))),
            timed(aside.apply(f"aside-{turn}".encode())),
            timed(floor.write(f"bare-{turn}")),
            timed(handled(turn)),
            timed(floor.turn(f"floor-{turn}")),
        )
        for turn in range(_WARM_UP + repeats)
    ]
    columns = [Times(column) for column in zip(*taken[_WARM_UP:], strict=True)]
    names = ("vault get", "Secret read", "Secret apply", "event handled, without the host")
    return [
        Layer(name, called, bare)
        for name, called, bare in zip(names, columns[::2], columns[1::2], strict=True)
    ]


class _Aside:
    """The app's Kubernetes adapter on a Secret other than the vault's."""

    def __init__(self, cluster: Cluster, target: Target) -> None:
        self._cluster = cluster
        self._target = target

    def read(self) -> None:
        self._cluster.read(self._target, _deadline())

    def apply(self, value: bytes) -> Callable[[], None]:
        """Prepare an apply of the current contents with that value."""
        actual = self._cluster.read(self._target, _deadline())
        assert actual is not None
        desired = Desired({**actual.data, KEY: value}, actual.labels, actual.annotations)

        def call() -> None:
            self._cluster.apply(self._target, desired, actual.resource_version, _deadline())

        return call


def _deadline() -> Deadline:
    return Deadline.after(_SECONDS, time.monotonic)
