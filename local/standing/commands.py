"""The commands that start, enter and stop the standing stack."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import urllib3

from local.stack import ROOT
from local.standing.environment import shell_start
from local.standing.folder import Folder, shown
from local.standing.printed import what_to_type
from local.standing.serve import DEFAULTS, NAMESPACE, VAULTS, given_settings

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 10.0
_MAKES = ("MAKE", "MFLAGS", "SYNC_")
"""Beginnings of variables that a shell does not get: make's own, and settings of other apps."""


def up(folder: Folder) -> int:
    """Start the stack in the background unless it runs; print example commands."""
    folder.make()
    pid = folder.runner()
    if pid is None or not _usable(folder, pid):
        if pid is not None:
            print(f"The stack (process {pid}) does not answer any more: it is ended.", flush=True)
            folder.end(pid, _STOP_SECONDS)
        elif folder.env.exists():
            print("The previous stack ended without `make down`; its secrets are gone.", flush=True)
        failed = _start(folder)
        if failed:
            return failed
    exported = folder.exported()
    given = given_settings()
    if other := sorted(name for name in given if exported.get(name) != given[name]):
        print(
            f"The stack is running already, with other values of: {', '.join(other)}.\n"
            "To start it with yours:  make down, then make up (the secrets in it are lost)",
            file=sys.stderr,
        )
        return 1
    if refused := _refusal(exported):
        print(
            f"The stack is running, but the app cannot work with its settings:\n{refused}\n"
            f"The app's log is {shown(folder.host_log)}. "
            "Correct the settings, then:  make down, make up",
            file=sys.stderr,
        )
        return 1
    own = [name for name, value in given.items() if DEFAULTS.get(name) != value]
    print(what_to_type(folder, own, VAULTS[0], NAMESPACE), end="")
    return 0


def down(folder: Folder) -> int:
    """Stop the stack that `up` started."""
    pid = folder.runner()
    if pid is None:
        died = folder.env.exists()
        folder.env.unlink(missing_ok=True)
        print(f"The stack is not running{': it ended by itself' if died else ''}.")
        return 0
    print(f"Stopping the local stack (process {pid}) …", flush=True)
    try:
        stopped = folder.end(pid, _STOP_SECONDS)
    except KeyboardInterrupt:
        left = folder.runner()
        state = "is stopped" if left is None else f"(process {left}) is still stopping"
        print(f"\nInterrupted: the stack {state}.", file=sys.stderr)
        return 130
    if folder.runner() is not None:
        print(f"The stack (process {pid}) does not stop.\n{folder.tails()}", file=sys.stderr)
        return 1
    folder.env.unlink(missing_ok=True)
    killed = "" if stopped else f" It did not stop in {_STOP_SECONDS:.0f} s, and was killed."
    print(f"The stack is stopped, and its secrets are gone.{killed}")
    return 0


def shell(folder: Folder) -> int:
    """Enter a shell with the running stack's environment; return when it is left."""
    pid = folder.runner()
    if pid is None or not _usable(folder, pid):
        print("The stack is not running:  make up", file=sys.stderr)
        return 1
    start = folder.path / "bashrc"
    start.write_text(shell_start(folder.env.absolute()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_MAKES)}
    print("This shell has the local stack's environment; `exit` leaves it.", flush=True)
    subprocess.run(["/bin/bash", "--rcfile", str(start), "-i"], env=kept, check=False)  # noqa: S603 - a shell for the person who asked for it
    return 0


def _start(folder: Folder) -> int:
    """Start the stack's process; return 0 once it is ready, else a code for `make`."""
    folder.env.unlink(missing_ok=True)
    with folder.stack_log.open("w") as log:
        child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "local", "serve", str(folder.path)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with folder.stack_log.open() as log:
            folder.follow(
                log, lambda: folder.env.exists() or child.poll() is not None, _START_SECONDS
            )
        if folder.env.exists() and child.poll() is None:
            return 0
        _end(child)
    except KeyboardInterrupt:
        _end(child)
        folder.env.unlink(missing_ok=True)
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 130
    left = folder.runner()
    state = "nothing is left running" if left is None else f"another one runs, as process {left}"
    print(f"The stack did not start; {state}.\n{folder.tails()}", file=sys.stderr)
    return 1


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the stack's process, and with it the app's, whose input it holds."""
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _usable(folder: Folder, pid: int) -> bool:
    """Wait until that stack has started; return whether its app answers."""
    until = time.monotonic() + _START_SECONDS
    while not folder.env.exists():
        if folder.runner() != pid or time.monotonic() > until:
            return False
        time.sleep(0.05)
    return _get(folder.exported(), "health") is not None


def _refusal(exported: Mapping[str, str]) -> str:
    """Return what an app says that cannot work with its settings; empty if it can."""
    health = _get(exported, "health")
    if health is None or health.status == 200:  # noqa: PLR2004 - OK
        return ""
    lines = [f"  GET /api/health: {health.status} {health.data.decode().strip()}"]
    status = _get(exported, "status")
    if status is not None:
        said = json.loads(status.data)
        lines += [f"  {fault}" for fault in said.get("faults", ())]
    return "\n".join(lines)


def _get(exported: Mapping[str, str], route: str) -> urllib3.BaseHTTPResponse | None:
    try:
        return urllib3.request(
            "GET",
            f"{exported['KEYVAULT_SYNC_APP']}/api/{route}",
            headers={"x-functions-key": exported["KEYVAULT_SYNC_KEY"]},
            timeout=_ANSWER_SECONDS,
            retries=False,
        )
    except urllib3.exceptions.HTTPError:
        return None


DEFAULT = Folder(Path(ROOT) / ".local")
