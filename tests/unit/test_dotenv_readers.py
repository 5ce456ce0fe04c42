"""What docs/secrets.md says of readers of dotenv: of ours, of python-dotenv and of Node."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import dotenv
import pytest

from sync.core.errors import Permanent
from sync.projection.formats import members
from sync.projection.tags import Format
from tests.docs.dotenv_readers import NODE_MAJOR, READINGS, Reading

PRINT = "process.stdout.write(JSON.stringify(process.env.P ?? null))"


def node() -> str | None:
    """Return the Node whose readings are recorded, if it is there."""
    found = shutil.which("node")
    if found is None:
        return None
    shown = subprocess.run([found, "--version"], capture_output=True, check=False, text=True)  # noqa: S603 - a version
    return found if shown.stdout.startswith(f"v{NODE_MAJOR}.") else None


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_we_read_dotenv_as_the_table_says(reading: Reading) -> None:
    """A text that other readers take for something else is refused or read as most do."""
    try:
        found = members("x", reading.text, Format.DOTENV, None).get(("P",))
    except Permanent:
        found = None
    assert found == reading.ours


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_python_dotenv_reads_as_the_table_says(reading: Reading) -> None:
    """The column is what the installed release reads."""
    found = dotenv.dotenv_values(stream=io.StringIO(reading.text))
    assert found.get("P") == reading.python


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_node_reads_as_the_table_says(reading: Reading, tmp_path: Path) -> None:
    """The column is what `node --env-file` reads, where there is one of the recorded release."""
    found = node()
    if found is None:
        pytest.skip(f"no Node {NODE_MAJOR}")
    file = tmp_path / ".env"
    file.write_text(reading.text, encoding="utf-8", newline="")
    printed = subprocess.run(  # noqa: S603 - a program of ours
        [found, f"--env-file={file}", "--eval", PRINT], capture_output=True, check=True, env={}
    )
    assert json.loads(printed.stdout) == reading.node


def test_the_table_shows_where_readers_differ() -> None:
    """Each other reader differs from ours somewhere, and where we refuse one reads something."""
    for column in ("npm", "node", "python", "compose", "docker"):
        assert any(getattr(each, column) != each.ours for each in READINGS)
    for each in READINGS:
        others = {each.npm, each.node, each.python, each.compose, each.docker}
        assert each.ours is None or each.ours in others
