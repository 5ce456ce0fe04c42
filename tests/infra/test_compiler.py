"""The Bicep compiler has nothing to say, and would write no file differently."""

import json
import shutil
from pathlib import Path

import pytest

from tests.infra.bicep_files import FOLDER, MODULES, PARAMETERS, assignments
from tests.infra.deployments.compiler import compiler

ROOTS = ("main.bicep", "naming.bicep")


@pytest.mark.parametrize("file", ROOTS)
def test_every_file_builds_and_lints(file: str) -> None:
    """What is deployed, with all that it uses, builds and passes the linter without a word."""
    for words in (("build", file, "--stdout"), ("lint", file)):
        done = compiler(*words)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.name)
def test_parameters_build(path: Path) -> None:
    """Each file of parameters gives what its template takes, without a word."""
    done = compiler("build-params", path.name, "--stdout")
    assert (done.returncode, done.stderr) == (0, "")
    parameters = json.loads(json.loads(done.stdout)["parametersJson"])["parameters"]
    assert parameters.keys() == assignments(path).keys() - {"environmentName"}


def test_files_are_formatted(tmp_path: Path) -> None:
    """Every file is as bicep format writes it."""
    folder = tmp_path / FOLDER.name
    shutil.copytree(FOLDER, folder)
    for pattern in ("**/*.bicep", "*.bicepparam"):
        done = compiler("format", "--pattern", pattern, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
    files = [*MODULES, *PARAMETERS]
    changed = [
        path.name
        for path in files
        if (folder / path.relative_to(FOLDER)).read_text() != path.read_text()
    ]
    assert changed == []
