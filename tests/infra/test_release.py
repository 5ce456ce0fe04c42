"""A release: its files and their sums, and the version in every place that has it."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from infra import release
from infra.package import ROOT, SBOM, ZIP
from infra.release import ANSWERED, CHANGELOG, PROJECT, ReleaseError, bump, make, sums, version
from sync.http_api.openapi import VERSION


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the files that have the version."""
    for file in (PROJECT, ANSWERED, CHANGELOG):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tmp_path / file)
    return tmp_path


def texts(project: Path) -> dict[Path, str]:
    """Return the files that have the version."""
    return {file: (project / file).read_text("utf-8") for file in (PROJECT, ANSWERED, CHANGELOG)}


def test_the_version_is_the_same_everywhere() -> None:
    """The API's description and the project say one version."""
    assert version() == VERSION


def test_a_new_version_reaches_every_place(project: Path) -> None:
    """The project, the app's answer and the changelog have it, and nothing else changes."""
    before = texts(project)
    bump("1.2.3", "2026-12-01", project)
    after = texts(project)
    assert version(project) == "1.2.3"
    assert after[PROJECT] == before[PROJECT].replace(f'"{VERSION}"', '"1.2.3"', 1)
    assert after[ANSWERED] == before[ANSWERED].replace(f'"{VERSION}"', '"1.2.3"', 1)
    assert "## Unreleased\n\n## 1.2.3 - 2026-12-01\n\n### Added" in after[CHANGELOG]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("1.2", "no version of the form"),
        ("v1.2.3", "no version of the form"),
        ("01.2.3", "no version of the form"),
        (VERSION, "is not later than"),
        ("0.0.9", "is not later than"),
    ],
)
def test_a_wrong_version_changes_nothing(project: Path, wanted: str, says: str) -> None:
    """What is no later version is refused before anything is written."""
    before = texts(project)
    with pytest.raises(ReleaseError, match=says):
        bump(wanted, "2026-12-01", project)
    assert texts(project) == before


def test_a_changelog_without_its_heading_changes_nothing(project: Path) -> None:
    """All files are looked at before the first is written."""
    (project / CHANGELOG).write_text("# Changelog\n", "utf-8")
    before = texts(project)
    with pytest.raises(ReleaseError, match="does not have the heading"):
        bump("1.2.3", "2026-12-01", project)
    assert texts(project) == before


def test_a_tag_of_another_version_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A release is of the version that its tag says."""
    assert release.main(["build", "--tag", "v9.9.9"]) == 1
    assert f"is not that of version {VERSION}" in capsys.readouterr().err


def test_without_a_compiler_the_template_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release does not lack a file without a word."""
    monkeypatch.delenv("BICEP", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReleaseError, match="--no-template"):
        make(tmp_path / "release")


def test_a_release_has_its_files_and_their_sums(tmp_path: Path) -> None:
    """sha256sum accepts them, a changed one it does not; the wheel has the command line."""
    compiler = bool(os.environ.get("BICEP") or shutil.which("bicep"))
    files = make(tmp_path / "release", template=compiler)
    wheel = f"keyvault_sync-{VERSION}-py3-none-any.whl"
    expected = {ZIP, SBOM, wheel, release.SUMS} | ({release.TEMPLATE} if compiler else set())
    assert {file.name for file in files} == expected
    with zipfile.ZipFile(tmp_path / "release" / wheel) as built:
        names = set(built.namelist())
    assert {"sync/cli/main.py", f"keyvault_sync-{VERSION}.dist-info/entry_points.txt"} <= names
    if compiler:
        template = json.loads((tmp_path / "release" / release.TEMPLATE).read_text("utf-8"))
        assert template["$schema"].endswith("subscriptionDeploymentTemplate.json#")
    assert checked(tmp_path / "release") == 0
    (tmp_path / "release" / ZIP).write_bytes(b"another")
    assert checked(tmp_path / "release") != 0


def checked(folder: Path) -> int:
    """Check the sums as docs/deploy.md says; return the exit code."""
    return subprocess.run(  # noqa: S603 - constants
        ["sha256sum", "--quiet", "--check", release.SUMS],  # noqa: S607 - coreutils
        cwd=folder,
        capture_output=True,
        check=False,
    ).returncode


def test_the_sums_are_of_the_names_alone(tmp_path: Path) -> None:
    """Whoever downloads the files has them in a folder of their own."""
    (tmp_path / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sums([tmp_path / "a"]) == f"{empty}  a\n"
