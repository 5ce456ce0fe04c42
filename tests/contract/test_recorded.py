"""The emulator answers word for word what a real API server answered to the same requests."""

from pathlib import Path

import pytest

from local.kubernetes.workloads import DEFINITIONS
from tests.contract.api_servers import ApiServer
from tests.contract.recording.conversation import held
from tests.contract.recording.left import compared
from tests.contract.recording.recorded import FILES, record, recorded, recorded_version, version
from tests.contract.recording.schemas import published

_RECORDED = {
    f"{path.stem}: {title}": conversation
    for path in FILES
    for title, conversation in recorded(path).items()
}


@pytest.mark.parametrize("title", _RECORDED)
def test_the_emulator_answers_as_recorded(emulated_server: ApiServer, title: str) -> None:
    """Status, headers and body of each answer are those of the real server."""
    conversation, answers = _RECORDED[title]
    ours = held(emulated_server, conversation)
    for request, mine, theirs in zip(conversation.requests, ours, answers, strict=True):
        assert compared(mine) == compared(theirs), f"to {request}"


@pytest.mark.parametrize("title", _RECORDED)
def test_the_recording_is_true(actual_server: ApiServer, title: str) -> None:
    """A real server of the recorded release answers as it did."""
    at_hand = version(actual_server)
    if at_hand.split()[0] != recorded_version().split()[0]:
        pytest.skip(f"recorded from {recorded_version()}, at hand is {at_hand}")
    conversation, answers = _RECORDED[title]
    theirs = held(actual_server, conversation)
    for request, now, then in zip(conversation.requests, theirs, answers, strict=True):
        assert compared(now) == compared(then), f"to {request}"


def test_the_schemas_are_the_servers(actual_server: ApiServer) -> None:
    """The structure of workloads and pods is what a real server of the release publishes."""
    at_hand = version(actual_server)
    if at_hand.split()[0] != recorded_version().split()[0]:
        pytest.skip(f"recorded from {recorded_version()}, at hand is {at_hand}")
    assert published(actual_server) == DEFINITIONS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recording_anew_asks_the_same(
    emulated_server: ApiServer, tmp_path: Path, path: Path
) -> None:
    """`python -m tests.contract.recording` changes the answers and never what is asked."""
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    record(emulated_server, copy)
    assert {title: asked for title, (asked, _) in recorded(copy).items()} == {
        title: asked for title, (asked, _) in recorded(path).items()
    }
