"""Fixtures of the contract tests: each runs on the emulator and on a real server."""

from collections.abc import Iterator

import pytest

from tests.contract.api_servers import WHY_NO_REAL_SERVER, ApiServer, emulator, real_server


@pytest.fixture(scope="session")
def emulated_server() -> Iterator[ApiServer]:
    """Serve one emulator to all tests."""
    with emulator() as server:
        yield server


@pytest.fixture(scope="session")
def actual_server() -> Iterator[ApiServer]:
    """Start or find the real server once, when the first test asks for it."""
    with real_server() as server:
        if server is None:
            pytest.skip(WHY_NO_REAL_SERVER)
        yield server


@pytest.fixture(params=["emulator", "real"])
def api_server(request: pytest.FixtureRequest) -> ApiServer:
    """Return the server under test."""
    name = "emulated_server" if request.param == "emulator" else "actual_server"
    server: ApiServer = request.getfixturevalue(name)
    return server


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """Make a new namespace on the server under test."""
    return api_server.create_namespace()
