"""The faults, in rotation: each for some seconds, then a while of calm."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.soak.estate import Plot
from local.event_grid import Faults
from local.identity import identity_app
from local.kubernetes import kubeconfig
from local.serving import LOOPBACK
from local.stack import APP_USER, Stack

_LOGIN_SECONDS = 330
"""How long tokens live: the SDK renews one that has less than 300 s left, so every 30 s."""


@dataclass(slots=True)
class Trouble:
    """What can be done to a stack; whatever it is, `clear` ends it."""

    stack: Stack
    plots: Sequence[Plot]
    _identity_port: int = 0
    _identity_down: bool = False
    _cluster_down: bool = False
    _login: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self._identity_port = port_of(self.stack.environment["IDENTITY_ENDPOINT"])
        self.stack.identity.lifetime = _LOGIN_SECONDS

    def rotation(self) -> Sequence[tuple[str, float, Callable[[], None]]]:
        """Return each fault: its name, for how many seconds, and what brings it about."""
        grid = self.stack.grid
        return (
            (
                "events doubled, reordered, late",
                5,
                lambda: grid.inject(Faults(double=True, reorder=5, delay=0.3)),
            ),
            ("429 from vaults", 5, self._throttle),
            ("events lost", 3, lambda: grid.inject(Faults(drop=0.3))),
            ("5xx from vaults", 5, self._fail),
            ("API server ill", 5, self._ill_cluster),
            ("connections reset", 4, self._reset),
            ("API server down", 5, self._stop_cluster),
            ("slow answers", 5, self._slow),
            ("token endpoint down", 4, self._stop_identity),
            ("hangs", 10, self._hang),
            ("the cluster's token replaced", 2, self._new_login),
            ("vaults that lag", 4, self._lag),
        )

    @contextmanager
    def of(self, bring: Callable[[], None]) -> Iterator[None]:
        """Bring a fault about for the time of the block."""
        bring()
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """End every fault."""
        self.stack.grid.inject(Faults())
        self.stack.cluster.faults.clear()
        for plot in self.plots:
            plot.vault.faults.clear()
        if self._cluster_down:
            self.stack.start_cluster()
            self._cluster_down = False
        if self._identity_down:
            app = identity_app(self.stack.identity)
            self.stack.servers.serve(app, port=self._identity_port)
            self._identity_down = False

    def _throttle(self) -> None:
        for plot in self.plots[::2]:
            plot.vault.faults.throttle(None, retry_after=2)
        for plot in self.plots[1::2]:
            plot.vault.faults.limit(5, 1.0)

    def _fail(self) -> None:
        for number, plot in enumerate(self.plots):
            plot.vault.faults.fail((500, 502, 503)[number % 3], None)

    def _ill_cluster(self) -> None:
        faults = self.stack.cluster.faults
        faults.fail(503, 20, verb="patch", retry_after=1)
        faults.fail(429, 20, verb="get", retry_after=1)
        faults.fail(500, None)

    def _reset(self) -> None:
        for plot in self.plots:
            plot.vault.faults.reset(None)
        self.stack.cluster.faults.reset(None, verb="patch")

    def _stop_cluster(self) -> None:
        self.stack.stop_cluster()
        self._cluster_down = True

    def _slow(self) -> None:
        for plot in self.plots:
            plot.vault.faults.delay(1.0, None)
        self.stack.cluster.faults.delay(0.5, None)

    def _stop_identity(self) -> None:
        self.stack.servers.stop(self._identity_port)
        self._identity_down = True

    def _hang(self) -> None:
        for plot in self.plots[::3]:
            plot.vault.faults.delay(60, None)
        self.stack.cluster.faults.delay(60, 20, verb="patch")

    def _new_login(self) -> None:
        """Give the app's kubeconfig another token; the former one is worth nothing from now on."""
        stack = self.stack
        token, former = secrets.token_hex(), self._login or self._first_login()
        stack.cluster.add_token(token, APP_USER)
        url = f"https://{LOOPBACK}:{stack.cluster_port}"
        written = stack.app_kubeconfig.with_suffix(".new")
        written.touch(mode=0o600)
        written.write_text(kubeconfig(url, stack.authority.pem, token))
        written.rename(stack.app_kubeconfig)
        stack.cluster.remove_token(former)
        self._login = token

    def _lag(self) -> None:
        for plot in self.plots:
            plot.vault.faults.stale_reads(2.0)

    def _first_login(self) -> str:
        (user,) = json.loads(self.stack.app_kubeconfig.read_text())["users"]
        token: str = user["user"]["token"]
        return token


def port_of(url: str) -> int:
    """Return the port that a URL names."""
    port = urlsplit(url).port
    assert port is not None
    return port
