"""`make up`, `make shell`, `make down` and `make demo`: what they say is true."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.stack import ROOT
from local.standing.folder import Folder, wait
from tests.docs.commands import blocks

LOCAL = [block for block in blocks() if block.kind == "sh" and not block.needs]
FAILING_CURL = 'curl() { command curl --fail-with-body "$@"; }'

BARE = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def local(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run what `make` runs, with these settings in its environment."""
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "local", *words],
        cwd=ROOT,
        env=BARE | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def standing(path: Path, **settings: str) -> Iterator[tuple[Folder, str]]:
    """Start a stack in that folder; return its folder and what `up` printed."""
    try:
        done = local("up", str(path), **settings)
        yield Folder(path), done.stdout + done.stderr
    finally:
        local("down", str(path))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Folder, str]]:
    """Start a stack with a setting of the caller's."""
    with standing(tmp_path_factory.mktemp("standing"), SYNC_KEY_STYLE="env") as started:
        yield started


def bash(script: str, **variables: str) -> str:
    """Run a script, which must not fail; return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "-euc", script],
        cwd=ROOT,
        env=BARE | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_printed_runs(started: tuple[Folder, str]) -> None:
    """The printed commands run one after the other; the app has the caller's setting."""
    folder, printed = started
    script = "\n".join(re.findall(r"^  (?!\(|make )(.*)$", printed, re.MULTILINE))
    script = script.replace("keyvault-sync status", "keyvault-sync status || test $? = 2")
    if shutil.which("kubectl") is None:
        script = re.sub(r"(?m)^kubectl .*$", "", script)
    said = bash(script, KUBE_EDITOR="sed -i s/DB_PASSWORD:.*/DB_PASSWORD:\\ eA==/")
    assert '"outcome": "converged"' in said
    assert "DB_PASSWORD" in said
    assert "It has these settings of your environment: SYNC_KEY_STYLE." in printed
    assert folder.exported()["SYNC_KEY_STYLE"] == "env"
    assert stat.S_IMODE(folder.env.stat().st_mode) == 0o600


def test_requests_of_the_documents_run(started: tuple[Folder, str]) -> None:
    """Each curl of docs/api.md gets what it asks for, one after the other."""
    _, printed = started
    enter, *typed = re.findall(r"^  (?!\(|make )(.*)$", printed, re.MULTILINE)
    setting = "\n".join(typed).partition('\'{"value"')[0] + '\'{"value": "hunter2"}\''
    asked = [block.text for block in LOCAL if block.document == "docs/api.md"]
    assert len(asked) > 7
    said = bash("\n".join([FAILING_CURL, enter, setting, *asked]))
    assert "DB_PASSWORD" in said


def test_the_readme_runs(tmp_path: Path) -> None:
    """What README says of the local stack runs as printed, in order; nothing is left of it."""
    make = f"""make() {{
      case $1 in
        up | down) {sys.executable} -m local "$1" '{tmp_path}' ;;
        demo | test) ;;  # have tests of their own
        *) return 1 ;;
      esac
    }}"""
    typed = [block.text for block in LOCAL if block.document == "README.md"]
    assert "make up" in "".join(typed)
    script = "\n".join([FAILING_CURL, make, *typed]).replace(".local/env", f"'{tmp_path}/env'")
    try:
        said = bash(script)
    finally:
        local("down", str(tmp_path))
    assert '"vaults":' in said
    assert "settings-parse" in said
    assert "The stack is stopped" in said


def test_the_environment_is_undone(started: tuple[Folder, str]) -> None:
    """However often it was entered, a shell has afterwards what it had before."""
    folder, _ = started
    enter = f". '{folder.env}'\n"
    script = f'{enter}{enter}test -n "$KEYVAULT_SYNC_KEY"\nkeyvault_sync_deactivate\nset; export -p'
    before = bash("set; export -p", NO_PROXY="mine", SYNC_PRUNE="never")
    after = bash(script, NO_PROXY="mine", SYNC_PRUNE="never")
    changing = re.compile(r".*\b(BASH\w*|PIPESTATUS|_|SHLVL|PPID|RANDOM|SECONDS)=.*")
    kept = [
        [line for line in text.splitlines() if not changing.match(line)] for text in (before, after)
    ]
    assert kept[0] == kept[1]


def test_a_shell_is_entered_and_left(started: tuple[Folder, str]) -> None:
    """It shows in its prompt where it is; how its last command ended is nobody's failure."""
    folder, _ = started
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "local", "shell", str(folder.path)],
        cwd=ROOT,
        env=BARE | {"SYNC_PRUNE": "never", "MAKELEVEL": "1"},
        input='echo "<$KEYVAULT_SYNC_APP ${SYNC_PRUNE-none} ${MAKELEVEL-none}>"\nfalse\n',
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"<{folder.exported()['KEYVAULT_SYNC_APP']} none none>" in done.stdout
    assert "(keyvault-sync)" in done.stderr
    assert done.returncode == 0


def test_a_missing_vault_is_told(started: tuple[Folder, str]) -> None:
    """A mistyped vault is no failure of the proxy's."""
    folder, _ = started
    url = "https://weu-ds-akv-shop-dve-1.vault.azure.net/secrets?api-version=7.4"
    said = bash(f". '{folder.env}'; curl -sS {url}")
    assert "There is no vault at weu-ds-akv-shop-dve-1" in said
    assert "weu-ds-akv-shop-dev-1, weu-ds-akv-shop-dev-2" in said


def test_other_settings_than_the_running_stacks_are_told(started: tuple[Folder, str]) -> None:
    """`make up` does not pretend that a running app has got them."""
    folder, _ = started
    done = local("up", str(folder.path), SYNC_PRUNE="never", SYNC_KEY_STYLE="env")
    assert done.returncode == 1
    assert "running already, with other values of: SYNC_PRUNE." in done.stderr
    assert local("up", str(folder.path)).returncode == 0


def test_a_missing_kubectl_is_told(started: tuple[Folder, str], tmp_path: Path) -> None:
    """Who has no kubectl reads where it is, and what works without it."""
    folder, _ = started
    told = local("up", str(folder.path), PATH=str(tmp_path)).stdout
    assert "kubectl is not on the PATH" in told


def test_a_stack_that_died_is_started_again(tmp_path: Path) -> None:
    """The next `make up` sees it, also where only the app's process died or does not answer."""
    with standing(tmp_path) as (folder, _):
        first = folder.runner()
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert wait(lambda: folder.runner() is None, 10)
        again = local("up", str(tmp_path)).stdout
        assert "The previous stack ended without `make down`; its secrets are gone." in again
        assert "The local stack is running" in again

        second = folder.runner()
        assert second not in {None, first}
        text = folder.env.read_text()
        folder.env.write_text(re.sub(r"(_APP=http://127.0.0.1:)\d+", r"\g<1>1", text))
        again = local("up", str(tmp_path)).stdout
        assert f"(process {second}) does not answer any more" in again

        third = folder.runner()
        assert third not in {None, second}
        app = subprocess.run(  # noqa: S603 - a number of our own
            ["/usr/bin/env", "pgrep", "-P", str(third)], capture_output=True, text=True, check=True
        )
        os.kill(int(app.stdout), signal.SIGKILL)
        assert wait(lambda: folder.runner() is None, 10)
        assert "it ended by itself" in local("down", str(tmp_path)).stdout


def test_a_wrong_setting_is_told(tmp_path: Path) -> None:
    """As the app tells it; the app runs, so that it can be looked at."""
    with standing(tmp_path, SYNC_PRUNE="maybe") as (folder, printed):
        assert 'GET /api/health: 503 {"status": "misconfigured"}' in printed
        assert "SYNC_PRUNE is wrong: it must be owned or never." in printed
        assert folder.runner() is not None


def test_what_cannot_start_shows_its_log(tmp_path: Path) -> None:
    """The reason is in what `make up` prints; nothing is left."""
    (tmp_path / "ca.pem").mkdir()
    done = local("up", str(tmp_path))
    assert done.returncode == 1
    assert "The stack did not start; nothing is left running." in done.stderr
    assert "ca.pem" in done.stderr.partition("The end of")[2]
    assert Folder(tmp_path).runner() is None


def test_an_interrupt_ends_the_start(tmp_path: Path) -> None:
    """Ctrl-C while the stack starts ends the stack as well, and says so."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "local", "up", str(tmp_path)],
        cwd=ROOT,
        env=BARE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "Starting the vaults" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "Interrupted; nothing is left running." in told
    assert process.returncode == 130
    assert Folder(tmp_path).runner() is None


def test_the_demo_fits_and_says_what_is_next() -> None:
    """In a pipe no line is wider than 80 columns; the last lines say what to do."""
    done = local("demo")
    assert done.returncode == 0, done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    ending = done.stdout.partition("Nothing is left running.")[2]
    assert "make up" in ending
    assert "docs/secrets.md" in ending
