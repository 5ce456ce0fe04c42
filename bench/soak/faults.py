"""The faults, in rotation: each for some seconds, followed by a calm period."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local.event_grid import Faults as LateEvents
from local.identity import identity_app
from local.key_vault import Vault
from local.kubernetes import kubeconfig
from local.serving import LOOPBACK
from local.stack import APP_USER, Stack

_LOGIN_SECONDS = 330
"""How long tokens live: the SDK renews one that has less than 300 s left, so every 30 s."""


@dataclass(slots=True)
class Trouble:
    """The faults that can be caused in a stack; `clear` ends any of them."""

    stack: Stack
    vaults: Sequence[Vault]
    _identity_port: int = 0
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._identity_port = port_of(self.stack.environment["IDENTITY_ENDPOINT"])
        self.stack.identity.lifetime = _LOGIN_SECONDS

    def rotation(self) -> Sequence[tuple[str, float, Callable[[], None]]]:
        """Return each fault: its name, its duration in seconds, and the function that causes it."""
        disorder, loss = LateEvents(double=True, reorder=5, delay=0.3), LateEvents(drop=0.3)
        grid = self.stack.grid
        return (
            ("events doubled, reordered, late", 5, lambda: grid.inject(disorder)),
            ("429 from vaults", 5, self._throttle),
            ("events lost", 3, lambda: grid.inject(loss)),
            ("5xx from vaults", 5, self._fail),
            ("API server ill", 5, self._ill_cluster),
            ("connections reset", 4, self._reset),
            ("API server down", 5, self._stop_cluster),
            ("slow answers", 5, self.slow),
            ("token endpoint down", 4, self._stop_identity),
            ("hangs", 10, self._hang),
            ("the cluster's token replaced", 2, self._new_login),
            ("vaults that lag", 4, self._lag),
        )

    @contextmanager
    def of(self, bring: Callable[[], None]) -> Iterator[None]:
        """Cause a fault for the duration of the block."""
        bring()
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """End every fault."""
        self.stack.grid.inject(LateEvents())
        self.stack.cluster.faults.clear()
        for vault in self.vaults:
            vault.faults.clear()
        while self._undo:
            self._undo.pop()()

    def _throttle(self) -> None:
        for vault in self.vaults[::2]:
            vault.faults.throttle(None, retry_after=2)
        for vault in self.vaults[1::2]:
            vault.faults.limit(5, 1.0)

    def _fail(self) -> None:
        for number, vault in enumerate(self.vaults):
            vault.faults.fail((500, 502, 503)[number % 3], None)

    def _ill_cluster(self) -> None:
        faults = self.stack.cluster.faults
        faults.fail(503, 20, verb="patch", retry_after=1)
        faults.fail(429, 20, verb="get", retry_after=1)
        faults.fail(500, None)

    def _reset(self) -> None:
        for vault in self.vaults:
            vault.faults.reset(None)
        self.stack.cluster.faults.reset(None, verb="patch")

    def _stop_cluster(self) -> None:
        self.stack.stop_cluster()
        self._undo.append(self.stack.start_cluster)

    def slow(self) -> None:
        """Let every answer of the vaults and the cluster take a while."""
        for vault in self.vaults:
            vault.faults.delay(1.0, None)
        self.stack.cluster.faults.delay(0.5, None)

    def _stop_identity(self) -> None:
        servers, port = self.stack.servers, self._identity_port
        servers.stop(port)
        self._undo.append(lambda: servers.serve(identity_app(self.stack.identity), port=port))

    def _hang(self) -> None:
        for vault in self.vaults[::3]:
            vault.faults.delay(60, None)
        self.stack.cluster.faults.delay(60, 20, verb="patch")

    def _new_login(self) -> None:
        """Give the app's kubeconfig a new token; the old one is no longer valid."""
        stack, token = self.stack, secrets.token_hex()
        (user,) = json.loads(stack.app_kubeconfig.read_text())["users"]
        stack.cluster.add_token(token, APP_USER)
        url = f"https://{LOOPBACK}:{stack.cluster_port}"
        written = stack.app_kubeconfig.with_suffix(".new")
        written.touch(mode=0o600)
        written.write_text(kubeconfig(url, stack.authority.pem, token))
        written.rename(stack.app_kubeconfig)
        stack.cluster.remove_token(user["user"]["token"])

    def _lag(self) -> None:
        for vault in self.vaults:
            vault.faults.stale_reads(2.0)


def port_of(url: str) -> int:
    """Return the port of a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port
