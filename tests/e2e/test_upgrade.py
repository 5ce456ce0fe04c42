"""An upgrade from the newest release and the roll-back to it lose nothing."""

import os
import shutil
from pathlib import Path

import pytest

from local.stack import ROOT
from tests.functional.clusters import started_stack
from tests.leaks.search import leaks
from tests.upgrade import APP, CURRENT, Course, NoReleaseError, Release, checked_out, newest_tag


def run(folder: Path, older: Release) -> list[str]:
    """Upgrade from that release and roll back, on a stack of its own; return what was seen."""
    (folder / "stack").mkdir()
    with started_stack(folder / "stack") as stack:
        seen = Course.on(stack).run(older, CURRENT)
        assert leaks((folder / "stack" / "host.log").read_text()) == []
    return seen


def test_upgrade_and_roll_back(tmp_path: Path) -> None:
    """From the newest tag, or the commit in UPGRADE_FROM, to what is here, and back."""
    try:
        older = checked_out(os.environ.get("UPGRADE_FROM") or newest_tag(), tmp_path / "older")
    except NoReleaseError as error:
        pytest.skip(f"{error}; UPGRADE_FROM may name a commit")
    assert "nothing is lost" in run(tmp_path, older)[-1]


def test_a_roll_back_past_a_change_of_format_writes_nothing(tmp_path: Path) -> None:
    """A release that knows only an earlier format leaves the Secrets alone, and says why."""
    folder = tmp_path / "older"
    folder.mkdir()
    for name in APP:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, folder / name)
    annotation = folder / "sync/core/annotation.py"
    text = annotation.read_text()
    for told in (f"FORMAT = {CURRENT.format}\n", "_EARLIER = 3\n"):
        assert told in text
        text = text.replace(told, f"{told.partition(' ')[0]} = 2\n")
    annotation.write_text(text)
    older = Release("the earlier format", folder)
    assert older.format == 2
    seen = run(tmp_path, older)
    assert any("StateNewer" in note for note in seen)
