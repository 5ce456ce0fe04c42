"""What the documents tell to type is right as far as it can be seen without Azure.

What needs the local stack at most is run: `tests/e2e/test_standing.py`.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping

import pytest

from sync.cli.group import cli
from tests.docs.commands import ROOT, Block, blocks

BLOCKS = [block for block in blocks() if block.kind == "sh"]
TARGETS = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
KNOWN: Mapping[str, str] = {
    ".venv/bin/python": "-m infra.vault_names",
    "python3": "-c|-m infra.publish|-m infra.subscribe",
    "az": "account show|ad app update|bicep build-params|deployment sub create"
    "|functionapp config appsettings delete|functionapp config appsettings set"
    "|functionapp keys list|group create|keyvault secret backup|keyvault secret restore"
    "|keyvault secret set|keyvault secret show|login|rest",
    "azd": "auth login|env get-value|env new|up",
    "func": "azure functionapp publish",
    "gh": "attestation verify|release download",
    "git": "clone",
    "keyvault-sync": "|".join(cli.commands),
    "kubectl": "apply|create namespace|create role|create rolebinding|create secret generic"
    "|create serviceaccount|create token|delete secret|get",
    "make": "|".join(TARGETS),
    "pip": "install",
    "pipx": "install",
    "terraform": "apply|console|init|output|state list|state rm",
}
"""The programs that documents name, and what each of them is told to do."""

PLAIN = {
    ".",
    "$EDITOR",
    "base64",
    "cd",
    "cp",
    "curl",
    "date",
    "echo",
    "sha256sum",
    "export",
    "keyvault_sync_deactivate",
    "mktemp",
    "printf",
    "set",
    "trap",
    "umask",
}
ANYWHERE = {"curl", "keyvault-sync", "make", ".", "export", "keyvault_sync_deactivate"}
"""What a block may use that says nothing of what it needs: the local stack has it."""


def ids(block: Block) -> str:
    """Name a block by its document and first command."""
    return f"{block.document}: {' '.join(next(block.commands()))[:40]}"


def test_every_shell_block_is_marked() -> None:
    """A block that begins with a command is `sh`, so that none is left out here."""
    assert len(BLOCKS) > 15
    for block in blocks():
        first = (block.text.split() or [""])[0]
        assert block.kind or first not in KNOWN.keys() | PLAIN, f"{block.document}: {first}"


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_a_block_is_of_commands_that_there_are(block: Block) -> None:
    """Bash can read it; its programs, subcommands, targets and files exist, or it makes them."""
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(  # noqa: S603 - read, and not run
        [bash, "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = {"dist"}
    for words in block.commands():
        if "=" in words[0]:
            continue
        program, *rest = words
        if program in KNOWN:
            told = re.sub(r"^-chdir=\S+ ", "", " ".join(rest))
            assert re.match(rf"(?:{KNOWN[program]})\b", told), words
        else:
            assert program in PLAIN, words
        if program == "cp":
            made.add(rest[-1])
        for file in rest:
            if re.match(r"(?:-chdir=)?(?:infra|docs|local|dist|platform-rbac)/", file):
                path = file.removeprefix("-chdir=")
                known = any(path == each or path.startswith(f"{each}/") for each in made)
                assert known or (ROOT / path).exists(), path


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_a_block_says_what_it_needs(block: Block) -> None:
    """Without `# needs …` in its first line it runs on a fresh clone."""
    if not block.needs:
        used = {words[0] for words in block.commands() if "=" not in words[0]}
        assert used <= ANYWHERE
