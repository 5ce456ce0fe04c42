"""To generated requests the emulator and a real API server give the same answers.

`DIFFERENTIAL_EXAMPLES` asks for that many conversations, other ones each time, instead of the few
that are always the same.
"""

import os

from hypothesis import given, settings

from tests.contract.api_servers import ApiServer
from tests.contract.recording.conversation import Conversation, held
from tests.contract.recording.generated import CONVERSATIONS
from tests.contract.recording.left import BY_CHANCE, compared

_MORE = os.environ.get("DIFFERENTIAL_EXAMPLES")


@settings(max_examples=int(_MORE or 60), derandomize=_MORE is None, database=None, deadline=None)
@given(conversation=CONVERSATIONS)
def test_same_requests_same_answers(
    emulated_server: ApiServer, actual_server: ApiServer, conversation: Conversation
) -> None:
    """After each of the same requests both have the same answer, and the same Secret."""
    ours, theirs = held(emulated_server, conversation), held(actual_server, conversation)
    for request, mine, real in zip(conversation.requests, ours, theirs, strict=True):
        assert compared(mine, BY_CHANCE) == compared(real, BY_CHANCE), f"to {request}"
