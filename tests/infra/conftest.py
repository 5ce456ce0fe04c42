"""Fixtures of the infrastructure's tests: the package, built once."""

from pathlib import Path

import pytest

from infra.package import build


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package once."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder
