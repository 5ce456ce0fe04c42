"""The command line as a process: real clients, pipes, a terminal, and interruptions."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from local.stack import ROOT, Stack
from tests.functional.clusters import started_stack
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

VAULT, EMPTY_HANDED = "we-ds-akv-shop-prod-1", "we-ds-akv-nowhere-prod-1"
SECONDS = 60


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a stack with two vaults of one secret; the second one's namespace is missing."""
    with started_stack(tmp_path_factory.mktemp("stack")) as running:
        running.namespace("shop-prod", "keyvault-project")
        for name in (VAULT, EMPTY_HANDED):
            running.vault(name).set_secret("db-password", PLANTED)
        yield running


def start(
    environment: Mapping[str, str],
    *arguments: str,
    out: int = subprocess.PIPE,
    err: int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start `python -m sync`."""
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sync", *arguments],
        env=dict(environment),
        cwd=ROOT,
        stdout=out,
        stderr=err,
        text=True,
    )


def on_a_terminal(environment: Mapping[str, str], arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command on a terminal of 100 columns; returns its exit code and all it showed."""
    ours, theirs = pty.openpty()
    with start({**environment, "COLUMNS": "100"}, *arguments, out=theirs, err=theirs) as running:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
        code = running.wait(SECONDS)
    os.close(ours)
    return code, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: nobody holds the other end any more
        return b""


def test_plan_resync_plan_status(stack: Stack) -> None:
    """What a plan shows is what a resync writes; then plan and status are in step."""
    planned = stack.command("plan", VAULT)
    assert (planned.returncode, planned.stderr) == (2, "")
    (change,) = json.loads(planned.stdout)["outcomes"][0]["changes"]
    assert (change["key"], change["action"]) == ("db-password", "create")
    assert stack.command("status", VAULT).returncode == 2
    assert stack.command("resync", VAULT).returncode == 0
    assert stack.command("plan", VAULT).returncode == 0
    told = stack.command("status", SYNC_VAULTS=VAULT)
    assert told.returncode == 0
    (status,) = json.loads(told.stdout)["vaults"]
    assert status["state"] == "converged"
    assert status["secrets"][0]["version"] == change["version"]


def test_a_terminal_gets_tables_and_progress(stack: Stack) -> None:
    """On a terminal there are progress, failures, tables and the sum, and never a value."""
    both = stack.app_environment([VAULT, EMPTY_HANDED])
    code, shown = on_a_terminal(both, ["resync", "--all"])
    assert code == 1
    assert "\r2/2 vaults..." in shown
    assert f"\r{EMPTY_HANDED}: " in shown
    assert "default/shop-prod/keyvault-project" in shown
    assert shown.splitlines()[-1].startswith("2 vaults: 1 ")
    assert leaks(shown) == []


def test_json_on_a_terminal_if_asked_for(stack: Stack) -> None:
    """--json prints the one document on a terminal as well."""
    code, shown = on_a_terminal(stack.app_environment([VAULT]), ["status", "--json"])
    assert code in {0, 2}
    document = shown.rpartition("\r{")[2]
    assert json.loads("{" + document)["vaults"][0]["vault"] == VAULT


def test_verbose_tells_of_the_log_in_and_shows_no_progress(stack: Stack) -> None:
    """--verbose names the credential in use, and no progress line gets in between."""
    code, shown = on_a_terminal(stack.app_environment([VAULT]), ["plan", VAULT, "-v"])
    assert code in {0, 2}
    assert "INFO azure.identity" in shown
    assert "1/1 vaults" not in shown
    assert "DEBUG" not in shown


def test_a_reader_that_left_causes_no_traceback(stack: Stack) -> None:
    """A closed pipe is a plain failure."""
    reader, writer = os.pipe()
    os.close(reader)
    with start(stack.app_environment(), "status", VAULT, out=writer) as running:
        os.close(writer)
        _, err = running.communicate(timeout=SECONDS)
    assert (running.returncode, err) == (1, "")


def test_each_wrong_setting_has_its_line(stack: Stack) -> None:
    """All settings faults are told at once, a line each, and as JSON in a pipe."""
    done = stack.command("plan", "--all", SYNC_PRUNE="maybe", SYNC_SCHEDULE="soon")
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split()[1] for line in told] == ["SYNC_SCHEDULE", "SYNC_PRUNE"]
    assert json.loads(done.stdout)["reason"] == "SettingsWrong"


def test_an_interrupt_ends_at_once_and_quietly(tmp_path: Path) -> None:
    """Ctrl-C does not wait for a cluster that hangs: exit code 130, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(SECONDS)
        kubeconfig = tmp_path / "kubeconfig"
        cluster = {"server": f"https://127.0.0.1:{silent.getsockname()[1]}"}
        config = {
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        kubeconfig.write_text(json.dumps(config))
        environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
        with start(environment, "resync", VAULT) as running:
            connection, _ = silent.accept()
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=SECONDS)
            connection.close()
    assert running.returncode == 130
    assert out == ""
    assert err.strip() == "Interrupted: no Secret is half-written; run it again for the rest."
