"""Fixtures of all kinds of tests: the servers of one module, and whom their clients trust."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from local.authority import Authority
from local.serving import Servers
from tests.kit.scripted import scripted_servers
from tests.leaks.watch import (
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_make_parametrize_id,
    pytest_runtest_makereport,
    pytest_unconfigure,
)

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_make_parametrize_id",
    "pytest_runtest_makereport",
    "pytest_unconfigure",
]

settings.register_profile("house", deadline=None, derandomize=True)  # no chance, no busy machine
settings.register_profile("explore", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def _no_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave the app of whoever runs the tests alone, and the names that they complete."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("APP", "KEY", "APP_SCOPE", "DEAD_LETTERS"):
            patched.delenv(f"KEYVAULT_SYNC_{name}", raising=False)
        for name in ("NO_COLOR", "FORCE_COLOR"):
            patched.delenv(name, raising=False)
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """One loop for all servers of this module."""
    with scripted_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One authority for all of them."""
    return Authority.create()
