"""Completion: the scripts, and the names that earlier answers left."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from sync.cli import names_cache
from sync.cli.documents import Document
from sync.cli.group import cli
from sync.cli.main import main
from tests.kit.command_line import say

SHOP, BILLING = "we-ds-akv-shop-prod-1", "we-ds-akv-billing-dev-1"
APP = "https://app.example.com"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the names in a folder of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "keyvault-sync"


def learn(*argv: str, **document: object) -> None:
    """Let a command get an answer."""
    say(lambda *_: document, *argv)


def completed(line: str) -> list[str]:
    """Return what bash would offer for a line."""
    words = line.split(" ")
    complete = BashComplete(cli, {}, "keyvault-sync", "_KEYVAULT_SYNC_COMPLETE")
    return [item.value for item in complete.get_completions(words[1:-1], words[-1])]


def vault(name: str, *secrets: str) -> Document:
    """Return a vault of a status."""
    return {"vault": name, "secrets": [{"name": secret} for secret in secrets]}


def test_commands_and_options_are_completed() -> None:
    """They need no names."""
    assert completed("keyvault-sync re") == ["resync"]
    assert completed("keyvault-sync resync --rem") == ["--removals"]
    assert completed("keyvault-sync plan -o y") == ["yaml"]
    assert completed("keyvault-sync completion z") == ["zsh"]


def test_names_of_earlier_answers_are_completed() -> None:
    """Vaults come from status and explain, secrets from the vault that the line names."""
    assert completed("keyvault-sync explain ") == []
    learn("status", vaults=[vault(SHOP, "api-key"), vault(BILLING)])
    learn("explain", SHOP, **vault(SHOP, "db-password", "Db-User"))
    assert completed("keyvault-sync explain ") == [BILLING, SHOP]
    assert completed("keyvault-sync plan we-ds-akv-s") == [SHOP]
    assert completed(f"keyvault-sync explain {SHOP} ") == ["Db-User", "api-key", "db-password"]
    assert completed(f"keyvault-sync wait {SHOP} DB-") == ["Db-User", "db-password"]
    assert completed(f"keyvault-sync plan {SHOP} --secret a") == ["api-key"]


def test_a_status_of_all_forgets_vaults_that_are_gone() -> None:
    """The names of a vault that is still there stay."""
    learn("status", vaults=[vault(SHOP, "api-key"), vault(BILLING)])
    learn("status", vaults=[vault(SHOP)])
    assert completed("keyvault-sync explain ") == [SHOP]
    assert completed(f"keyvault-sync explain {SHOP} ") == ["api-key"]
    learn("status", BILLING, vaults=[vault(BILLING)])
    assert completed("keyvault-sync explain ") == [BILLING, SHOP]


def test_each_app_has_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of one app are not offered for another, nor for the caller's own rights."""
    learn("--app", APP, "status", vaults=[vault(SHOP)])
    learn("--no-app", "status", vaults=[vault(BILLING)])
    assert completed(f"keyvault-sync --app {APP} explain ") == [SHOP]
    assert completed("keyvault-sync explain ") == [BILLING]
    monkeypatch.setenv("KEYVAULT_SYNC_APP", APP)
    assert completed("keyvault-sync explain ") == [SHOP]
    assert completed("keyvault-sync --no-app explain ") == [BILLING]


def test_only_names_are_kept_and_only_for_oneself(cache: Path) -> None:
    """The file holds names, and nobody else may read it."""
    status = {**vault(SHOP, "api-key", "$(reboot)"), "reason": "Why", "written": "2026"}
    learn("--app", APP, "status", vaults=[status, vault("a b")])
    (file,) = cache.iterdir()
    assert json.loads(file.read_text()) == {SHOP: ["$(reboot)", "api-key"]}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert completed(f"keyvault-sync --app {APP} explain {SHOP} ") == ["api-key"]


@pytest.mark.parametrize("held", ["", "[]", "{", '{"a": 1}', "\x00"])
def test_a_broken_cache_is_no_cache(cache: Path, held: str) -> None:
    """What cannot be read completes nothing and fails nothing."""
    learn("status", vaults=[vault(SHOP)])
    (file,) = cache.iterdir()
    file.write_text(held)
    assert completed("keyvault-sync explain ") == []
    learn("status", vaults=[vault(SHOP)])
    assert completed("keyvault-sync explain ") == [SHOP]


def test_without_a_place_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that cannot be written fails no command."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert say(lambda *_: {"vaults": [vault(SHOP)]}, "status").code == 2
    assert names_cache.recall("") == {}


SHELLS: dict[str, Sequence[str]] = {"bash": ["-n"], "zsh": ["-n"], "fish": ["--no-execute"]}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_parses_its_script(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`completion SHELL` prints a script that names the command."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_KEYVAULT_SYNC_COMPLETE" in script
    if (found := shutil.which(shell)) is None:
        return
    file = tmp_path / "script"
    file.write_text(script)
    subprocess.run([found, *SHELLS[shell], str(file)], check=True)  # noqa: S603 - fixed commands


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    """A bash that has evaluated the script offers the commands."""
    if (bash := shutil.which("bash")) is None:
        pytest.skip("there is no bash")
    script = (
        'eval "$(keyvault-sync completion bash)"; COMP_WORDS=(keyvault-sync re) COMP_CWORD=1; '
        '_keyvault_sync_completion keyvault-sync; echo "${COMPREPLY[@]}"'
    )
    scripts = Path(shutil.which("keyvault-sync", path=_scripts()) or "keyvault-sync").parent
    done = subprocess.run(  # noqa: S603 - a fixed command
        [bash, "-c", script],
        env={"PATH": f"{scripts}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["resync"]


def _scripts() -> str:
    import sysconfig  # noqa: PLC0415 - only here

    return sysconfig.get_path("scripts")
