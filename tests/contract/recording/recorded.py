"""What was asked of a real API server and what it answered: a file a subject, a line a request.

A new request is a line without an answer, and `python -m tests.contract.recording` fills it in.
"""

import json
from pathlib import Path

from local.kubernetes import Rule
from local.kubernetes.documents import Document, child, items, parse_json, text, words
from tests.contract.api_servers import ApiServer
from tests.contract.recording.conversation import Conversation, Request, held

_FOLDER = Path(__file__).parent / "answers"
FILES = sorted(_FOLDER.glob("*.json"))


def record(server: ApiServer, path: Path) -> None:
    """Hold a file's conversations with the server again and write down what it answers."""
    conversations: Document = {
        title: conversation.document(list(held(server, conversation)))
        for title, (conversation, _) in recorded(path).items()
    }
    path.write_text(_lines(version(server), conversations))


def recorded(path: Path) -> dict[str, tuple[Conversation, list[Document]]]:
    """Return each conversation of a file with the real server's answers."""
    conversations = child(_read(path), "conversations")
    return {title: _conversation(child(conversations, title)) for title in conversations}


def _conversation(document: Document) -> tuple[Conversation, list[Document]]:
    turns = items(document, "turns")
    rules = [
        Rule(
            tuple(words(rule, "verbs")),
            tuple(words(rule, "resources")),
            tuple(words(rule, "names")),
        )
        for rule in items(document, "rules")
    ]
    requests = [Request.of(turn) for turn in turns]
    return Conversation(requests, rules), [child(turn, "answer") for turn in turns]


def version(server: ApiServer) -> str:
    """Return the server's minor release, and the build as it names itself."""
    told = server.call("GET", "/version").body
    return f"{text(told, 'major')}.{text(told, 'minor')} ({text(told, 'gitVersion')})"


def recorded_version() -> str:
    """Return which server was recorded."""
    (recorded_one,) = {text(_read(path), "server") for path in FILES}
    return recorded_one


def _read(path: Path) -> Document:
    document = parse_json(path.read_bytes())
    assert isinstance(document, dict)
    return document


def _lines(server: str, conversations: Document) -> str:
    """Return JSON with a line for each turn, so that a difference is a line of the diff."""
    lines = [f'{{"server": {json.dumps(server)}, "conversations": {{']
    for title in conversations:
        conversation = child(conversations, title)
        rules = json.dumps(conversation.get("rules", []))
        held_turns = items(conversation, "turns")
        turns = ",\n".join(json.dumps(turn, ensure_ascii=False) for turn in held_turns)
        lines.append(f'{json.dumps(title)}: {{"rules": {rules}, "turns": [\n{turns}\n]}},')
    lines[-1] = lines[-1].removesuffix(",")
    return "\n".join([*lines, "}}"]) + "\n"
