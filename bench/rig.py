"""The benchmark environment: servers in this process, the app and the load in one process each."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bench.connections import Access
from bench.single_event import KEY, SPARE
from local.host_process import HostProcess
from local.key_vault import Vault, key_vault_app
from local.stack import APP_USER, KEY_VAULT, Stack, local_stack
from tests.kit.site import target_of

EVENT = "weu-DS-AKV-event-dev-1"
QUIET = "weu-DS-AKV-quiet-dev-1"
BURST = "weu-DS-AKV-burst-dev-1"

_CLUSTER_TOKEN = "bench"  # noqa: S105 - of a server that lives only as long as this process


@dataclass(frozen=True, slots=True)
class Rig:
    """The stack, the app on its host, and the load's process.

    Events are not delivered automatically: `published` collects them.
    """

    stack: Stack
    host: HostProcess
    access: Access
    load: ProcessPoolExecutor
    published: list[dict[str, object]]

    def fill(self, vault: str, count: int, age: float = 0) -> tuple[Vault, list[str]]:
        """Create a vault with `count` secrets and its Secret; also return the secrets' names.

        The secrets are `age` seconds old when the app first reads them. It reads one again that is
        of the same second.
        """
        self.stack.vaults.clock = lambda: time.time() - age  # the new vault's from now on
        made = self.stack.vault(vault)
        self.stack.vaults.clock = time.time
        names = [KEY, *(f"secret-{number:03}" for number in range(1, count))]
        for name in names:
            made.set_secret(name, f"first of {name}")
        answer = self.host.post("/api/resync", {"vault": vault})
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"resync of {vault}: {answer.body}")
        return made, names

    def run[**P, T](self, measure: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Run a measurement in the load's process, which has the app's environment."""
        return self.load.submit(measure, *arguments, **options).result()


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Start everything; the app's timer knows only the quiet vault."""
    with local_stack(folder) as stack:
        published: list[dict[str, object]] = []
        stack.vaults.publish = published.append
        for namespace in (SPARE, *(target_of(vault)[0] for vault in (EVENT, QUIET, BURST))):
            stack.namespace(namespace)
        stack.cluster.add_token(_CLUSTER_TOKEN, APP_USER)
        environment = stack.app_environment([QUIET])
        with (
            stack.host(environment, timer=False) as host,
            ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), _adopt, (environment,)
            ) as load,
        ):
            yield Rig(stack, host, _access(stack, host), load, published)


def _adopt(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)


def _access(stack: Stack, host: HostProcess) -> Access:
    """Open a path to the vaults that bypasses the proxy, and return all the paths."""
    context = stack.authority.server_context("*.vault.azure.net")
    return Access(
        ca=stack.folder / "ca.pem",
        proxy_port=int(stack.environment["HTTPS_PROXY"].rpartition(":")[2]),
        vault_port=stack.servers.serve(key_vault_app(stack.vaults), context),
        cluster_port=stack.cluster_port,
        host_port=host.port,
        vault_token=stack.identity.issue(KEY_VAULT).secret,
        cluster_token=_CLUSTER_TOKEN,
        webhook=host.webhook("key_vault_event").removeprefix(host.url),
        master_key=host.master_key,
    )
