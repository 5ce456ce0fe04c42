"""The local stack as a background process to experiment with: `make up`, `make down`."""

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from local.host_process import HostProcess
from local.stack import ROOT, Stack, local_stack

FOLDER = ROOT / ".local"
VAULTS = ("weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2")
NAMESPACE = "shop-dev"
_SCHEDULE = "*/10 * * * * *"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0

_WHAT_TO_TYPE = """\
The local stack is running: Key Vault, a Kubernetes API server, Event Grid and the app.

In each shell, first:
  source {env}

Set a secret with curl or with the Python client:
  TOKEN=$(curl -s -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" \\
    "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net" | cut -d'"' -f4)
  curl -s -X PUT "$VAULT_URL/secrets/db-password?api-version=7.4" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{{"value": "hunter2"}}'
  {python} -c 'import os; from azure.identity import DefaultAzureCredential as Me; \\
    from azure.keyvault.secrets import SecretClient as Vault; \\
    Vault(os.environ["VAULT_URL"], Me()).set_secret("api-key", "from-python")'

See it arrive, change it, and see the change undone within ten seconds:
  kubectl get secret keyvault-project -n {namespace} -o yaml
  kubectl edit secret keyvault-project -n {namespace}

Request a resync over HTTP, and the status from the command line:
  curl -s -X POST "$APP_URL/api/resync" -H "x-functions-key: $FUNCTION_KEY" -d '{{"all": true}}'
  {cli} status

The app's log is {log}. Stop it all:  make down
"""


def up() -> int:
    """Start the stack in the background unless it runs; print example commands."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if _runner() is None:
        with (FOLDER / "stack.log").open("w") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "local", "serve"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not _wait(lambda: _ready() or child.poll() is not None, _START_SECONDS) or not _ready():
            print(f"The stack did not start; see {FOLDER}/stack.log", file=sys.stderr)
            return 1
    print(
        _WHAT_TO_TYPE.format(
            env=_shown(FOLDER / "env"),
            log=_shown(FOLDER / "host.log"),
            python=_shown(Path(sys.executable)),
            cli=_shown(Path(sys.executable).with_name("keyvault-sync")),
            namespace=NAMESPACE,
        ),
        end="",
    )
    return 0


def down() -> int:
    """Stop the stack that `up` started."""
    pid = _runner()
    if pid is None:
        print("The stack is not running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    if not _wait(lambda: _runner() is None, _STOP_SECONDS):
        print(f"The stack (process {pid}) does not stop; see {FOLDER}/stack.log", file=sys.stderr)
        return 1
    print("The stack is stopped.")
    return 0


def serve() -> int:
    """Run the stack until SIGTERM or SIGINT."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    (FOLDER / "env").unlink(missing_ok=True)
    stopping = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # before any thread: sigwait takes them
    with _lock() as lock, local_stack(FOLDER) as stack:
        lock.write(str(os.getpid()))
        lock.flush()
        for name in VAULTS:
            stack.vault(name)
        stack.namespace(NAMESPACE)
        with stack.host(stack.app_environment(VAULTS, SYNC_SCHEDULE=_SCHEDULE)) as host:
            stack.subscribe(host)
            _write_environment(_client_environment(stack, host))
            signal.sigwait(stopping)
        (FOLDER / "env").unlink()
    return 0


def _client_environment(stack: Stack, host: HostProcess) -> Mapping[str, str]:
    app = stack.app_environment(VAULTS)
    kept = {name: value for name, value in app.items() if name not in {"PATH", "HOME", "LANG"}}
    return {
        **kept,
        "KUBECONFIG": str(stack.admin_kubeconfig),
        "VAULT_URL": f"https://{VAULTS[0].lower()}.vault.azure.net",
        "APP_URL": host.url,
        "FUNCTION_KEY": host.function_key,
    }


def _write_environment(environment: Mapping[str, str]) -> None:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    written = FOLDER / "env.new"
    written.touch(mode=0o600)
    written.write_text("".join(lines))
    written.rename(FOLDER / "env")  # atomically: the file tells `up` that everything is ready


def _lock() -> TextIO:
    """Return the file that the running stack keeps locked; it contains the process id."""
    lock = (FOLDER / "lock").open("a+")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.truncate(0)
    return lock


def _runner() -> int | None:
    try:
        with (FOLDER / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def _ready() -> bool:
    return (FOLDER / "env").exists()


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
