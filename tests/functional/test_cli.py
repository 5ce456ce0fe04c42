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

from local.serving import LOOPBACK
from local.stack import ROOT, Stack
from sync.cli.choice import OWN
from tests.functional.clusters import started_stack
from tests.kit.azurite import azurite, token
from tests.kit.events import dead_letter
from tests.kit.scripted import Answer, Scripted
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
    planned = stack.command("plan", VAULT, "-o", "json")
    assert (planned.returncode, planned.stderr) == (2, f"{OWN}.\n")
    (change,) = json.loads(planned.stdout)["outcomes"][0]["changes"]
    assert (change["key"], change["action"]) == ("db-password", "create")
    assert stack.command("status", VAULT).returncode == 2
    assert stack.command("resync", VAULT).returncode == 0
    assert stack.command("plan", VAULT).returncode == 0
    told = stack.command("status", "-o", "json", SYNC_VAULTS=VAULT)
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
    assert "default/shop-prod/keyvault-project" in shown
    assert f"\n{EMPTY_HANDED}  -     ClusterForbidden  " in shown
    assert "\x1b[31mfailed" in shown
    assert shown.splitlines()[-1].startswith("2 vaults: 1 ")
    assert leaks(shown) == []


def test_json_on_a_terminal_if_asked_for(stack: Stack) -> None:
    """-o json prints the one document on a terminal as well."""
    code, shown = on_a_terminal(stack.app_environment([VAULT]), ["status", "-o", "json"])
    assert code in {0, 2}
    document = shown.partition("{")[2]
    assert json.loads("{" + document)["vaults"][0]["vault"] == VAULT


def test_no_color_removes_every_escape(stack: Stack) -> None:
    """A non-empty NO_COLOR leaves no escape, progress and all, also beside FORCE_COLOR."""
    environment = {**stack.app_environment([VAULT]), "NO_COLOR": "1", "FORCE_COLOR": "1"}
    _, shown = on_a_terminal(environment, ["status", VAULT])
    assert VAULT in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("command", [["status"], ["explain", VAULT]])
def test_watching_ends_with_an_interrupt(stack: Stack, command: Sequence[str]) -> None:
    """--watch answers again and again; Ctrl-C ends it, with exit code 130."""
    arguments = [*command, "--watch", "--interval", "0.1", "-o", "json"]
    with start(stack.app_environment([VAULT]), *arguments) as running:
        assert running.stdout is not None
        first, second = (json.loads(running.stdout.readline()) for _ in range(2))
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 130
    assert err.endswith("\nInterrupted.\n")
    assert first == second


def test_it_waits_for_a_secret(stack: Stack) -> None:
    """`wait` returns once the value is in the cluster, and 2 if that takes too long."""
    stack.namespace("wait-prod", "keyvault-project")
    vault = stack.vault("we-ds-akv-wait-prod-1")
    vault.set_secret("late", PLANTED)
    early = stack.command("wait", vault.name, "late", "--timeout", "0.1", "-o", "json")
    assert early.returncode == 2
    with start(stack.app_environment(), "wait", vault.name, "--timeout", str(SECONDS)) as waiting:
        assert stack.command("resync", vault.name).returncode == 0
        out, _ = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 0
    assert out.endswith("1 secret: 1 in step\n")


@pytest.fixture(scope="module")
def asked(stack: Stack) -> Iterator[Mapping[str, str]]:
    """Run the app over a vault in step; return the environment of a caller with its key alone."""
    assert stack.command("resync", VAULT).returncode == 0
    with stack.host(stack.app_environment([VAULT]), timer=False) as host:
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(stack.folder),
            "KEYVAULT_SYNC_APP": host.url,
            "KEYVAULT_SYNC_KEY": host.function_key,
        }


def ask(environment: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, its answer and what it told beside it."""
    with start(environment, *arguments) as running:
        out, err = running.communicate(timeout=SECONDS)
    assert environment.get("KEYVAULT_SYNC_KEY", PLANTED) not in out + err
    assert leaks(out + err) == []
    return running.returncode, out, err


def test_a_deployed_app_is_asked(asked: Mapping[str, str]) -> None:
    """With the app's key alone a resync is the app's, told in the same tables."""
    code, out, err = ask(asked, "resync", VAULT)
    assert (code, out.splitlines()[-1]) == (0, "1 vault: 1 in step")
    assert err.startswith(f"App {asked['KEYVAULT_SYNC_APP']}, with the function key")
    code, out, _ = ask(asked, "version", "-o", "json")
    versions = json.loads(out)
    assert (code, versions["app"]) == (0, versions["command_line"])


@pytest.mark.parametrize("command", ["status", "explain", "plan", "doctor", "wait"])
def test_an_app_answers_as_ones_own_rights_do(
    stack: Stack, asked: Mapping[str, str], command: str
) -> None:
    """One document for both, but for whose view a check is, and the times and the app's own."""
    arguments = (command, "-o", "json", *([] if command == "status" else [VAULT]))
    own = ask(stack.app_environment([VAULT]), *arguments)
    app = ask(asked, *arguments)
    assert app[0] == own[0]
    theirs, ours = json.loads(app[1]), json.loads(own[1])
    if command == "doctor":
        assert {each["view"] for each in theirs["checks"]} == {"the app"}
        ids = [[each["id"] for each in told["checks"]] for told in (theirs, ours)]
        assert [name for name in ids[0] if name != "vault-events"] == ids[1]  # what only it can see
    else:
        assert theirs == ours


def test_dead_letters_are_replayed_by_the_app(
    stack: Stack, asked: Mapping[str, str], tmp_path: Path
) -> None:
    """The app resyncs the vault of an event in the container; the caller needs no right to it."""
    name = "we-ds-akv-replay-prod-1"
    stack.namespace("replay-prod", "keyvault-project")
    stack.vault(name).set_secret("lost", PLANTED)
    identity = Scripted([Answer(200, token())])
    port = stack.servers.serve(identity.app())
    (tmp_path / "trusted.pem").write_bytes(stack.authority.pem)
    with azurite(tmp_path, stack.authority) as storage:
        made = storage.service.create_container("dead-letters")
        made.upload_blob(
            "KEY-VAULT-SYNC/2026/1/1/0/1.json", json.dumps([dead_letter(name, "lost")])
        )
        environment = {
            **asked,
            "KEYVAULT_SYNC_DEAD_LETTERS": f"{storage.url}/dead-letters",
            "REQUESTS_CA_BUNDLE": str(tmp_path / "trusted.pem"),
            "IDENTITY_ENDPOINT": f"http://{LOOPBACK}:{port}/token",
            "IDENTITY_HEADER": "h",
        }
        code, out, err = ask(environment, "dead-letters", "replay", "--all")
    stack.servers.stop(port)
    assert (code, out.splitlines()[-1]) == (0, "1 vault: 1 changed")
    assert [line.split()[0] for line in err.splitlines()] == ["Container", "App"]
    assert stack.command("plan", name).returncode == 0


def test_a_wrong_key_is_told(asked: Mapping[str, str]) -> None:
    """The host's empty 401 is one sentence with the command that shows the key."""
    with start({**asked, "KEYVAULT_SYNC_KEY": "wrong"}, "status") as running:
        out, err = running.communicate(timeout=SECONDS)
    assert (running.returncode, out) == (1, "")
    assert "KeyRefused" in err


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
    assert (running.returncode, err) == (1, f"{OWN}.\n")


def test_each_wrong_setting_has_its_line(stack: Stack) -> None:
    """All settings faults are told at once, a line each, and as JSON if that is asked for."""
    done = stack.command("plan", "--all", "-o", "json", SYNC_PRUNE="maybe", SYNC_SCHEDULE="soon")
    assert done.returncode == 1
    _, *told = done.stderr.splitlines()
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
    assert err == f"{OWN}.\n\nInterrupted: no Secret is half-written; run it again for the rest.\n"
