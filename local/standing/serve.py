"""The process of the standing stack: `python -m local serve`, which `make up` starts."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from local.host_process import HostProcess
from local.platform import DEFINITION
from local.role import EVERY_SECRET
from local.stack import ROOT, SUBSCRIPTION, Stack, local_stack
from local.standing.environment import write_environment
from local.standing.folder import Folder
from local.standing.placements import clusters, further, placements

VAULTS = ("weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2")
NAMESPACE = "shop-dev"
SECRETS = (
    *EVERY_SECRET,
    *further("keyvault-project"),
    *further("keyvault-2"),
    "orders",
    "web-application",
)
"""What the app's Role covers: the vaults' own Secrets, those of the tags in docs/secrets.md, and
that of the example of an application."""
COMPONENTS = ("restart", "applications")
"""What else the Role lets the app do, where its settings ask for it."""

DEFAULTS = {
    "SYNC_VAULTS": ",".join(VAULTS),
    "SYNC_SUBSCRIPTIONS": SUBSCRIPTION,
    "SYNC_SCHEDULE": "*/10 * * * * *",
}
_NOT_FOR_CLIENTS = ("PATH", "HOME", "LANG")
_ALL_VAULTS = "*.vault.azure.net"


class _StopError(Exception):
    """The process shall stop."""


def given_settings() -> dict[str, str]:
    """Return the app's settings among this process's variables."""
    return {name: value for name, value in os.environ.items() if name.startswith("SYNC_")}


def serve(folder: Folder) -> int:
    """Run the stack until SIGTERM or SIGINT, or until the app's process ends."""
    folder.make()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with folder.locked():
            folder.env.unlink(missing_ok=True)
            if folder.host_log.exists():
                folder.host_log.rename(folder.path / "host.previous.log")
            return _serve(folder)
    except BlockingIOError:
        print("Another stack is running in this folder.", file=sys.stderr)
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
    except _StopError:
        return 0
    return 1


def _serve(folder: Folder) -> int:
    _progress("Starting the vaults, the Kubernetes API server and Event Grid")
    settings = DEFAULTS | given_settings()
    try:
        with local_stack(folder.path) as stack:
            stack.cluster.define(DEFINITION)
            placed = placements(settings.get("SYNC_PLACEMENTS", ""), ROOT)
            usual = {name.lower(): name for name in VAULTS}
            for name in {**dict.fromkeys(placed.vaults), **usual}:
                stack.vault(usual.get(name, name))
            covered = {NAMESPACE: SECRETS}
            for namespace, secrets in placed.secrets.items():
                covered[namespace] = (*covered.get(namespace, ()), *secrets)
            for namespace, secrets in covered.items():
                stack.namespace(namespace, *secrets, components=COMPONENTS)
            if placed.clusters and "SYNC_CLUSTERS" not in settings:
                settings["SYNC_CLUSTERS"] = clusters(placed.clusters, stack.app_kubeconfig)
            _progress("Starting the app")
            environment = stack.app_environment(**settings)
            try:
                with stack.host(environment) as host:
                    stack.subscribe(host)
                    clients = _client_environment(stack, host, environment)
                    write_environment(folder.env, clients, _programs(folder))
                    _stay(host)
            except _StopError:
                _progress("Stopping the servers")
                folder.env.unlink(missing_ok=True)
                return 0
    finally:
        _ignore_signals()
    return 1


def _stay(host: HostProcess) -> None:
    """Return when the app's process has ended; raises _StopError when it is to end."""
    try:
        while host.running:
            time.sleep(0.2)
    except _StopError:
        _progress("Stopping the app")
        raise
    print("The app's process ended by itself.", file=sys.stderr)


def _client_environment(
    stack: Stack, host: HostProcess, app: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the variables for people: as the app's, with an administrator's kubeconfig.

    Their proxy leads to the vaults' server whatever the vault's name: it names a missing vault,
    where the app's proxy answers as if there were no such host.
    """
    people = stack.proxy.another()
    people.route(_ALL_VAULTS, stack.proxy.port(_ALL_VAULTS))
    proxy = f"http://127.0.0.1:{stack.servers.listen(people.handle)}"
    return {
        **{name: value for name, value in app.items() if name not in _NOT_FOR_CLIENTS},
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "KUBECONFIG": str(stack.admin_kubeconfig),
        "VAULT_URL": f"https://{VAULTS[0].lower()}.vault.azure.net",
        "APP_URL": host.url,
        "FUNCTION_KEY": host.function_key,
        "EVENT_URL": host.webhook("key_vault_event"),
        "KEYVAULT_SYNC_APP": host.url,
        "KEYVAULT_SYNC_KEY": host.function_key,
    }


def _programs(folder: Folder) -> Path:
    """Return a folder with the command line alone, for the PATH."""
    programs = folder.path / "bin"
    programs.mkdir(exist_ok=True)
    link = programs / "keyvault-sync"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(sys.executable).with_name(link.name))
    return programs


def _progress(what: str) -> None:
    print(f"{what} …", flush=True)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _stop(*_: object) -> None:
    _ignore_signals()
    raise _StopError
