"""Fixtures of the functional tests: one stack and one host for all, a world for each test."""

from collections.abc import Iterator

import pytest

from local.event_grid import Faults
from local.host_process import HostProcess
from local.stack import Stack
from tests.functional.clusters import started_stack
from tests.functional.world import World, subscribe
from tests.leaks.search import leaks


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the servers once; the whole session's log shows no planted value."""
    folder = tmp_path_factory.mktemp("stack")
    with started_stack(folder) as stack:
        yield stack
    assert leaks((folder / "host.log").read_text()) == []


@pytest.fixture(scope="session")
def host(stack: Stack) -> Iterator[HostProcess]:
    """Start the app once; it knows no vault by name and gets every event."""
    with stack.host(stack.app_environment(), timer=False) as host:
        subscribe(stack, host)
        yield host


@pytest.fixture
def world(stack: Stack, host: HostProcess) -> Iterator[World]:
    """Return the app to act on; whatever the test did, no planted value was told to anyone."""
    world = World.of(stack, host)
    try:
        yield world
    finally:
        stack.grid.inject(Faults())
        stack.cluster.faults.clear()
        for place in world.places:
            place.vault.faults.clear()
        world.settle()
        subscribe(stack, host)
    assert world.leaks() == []
