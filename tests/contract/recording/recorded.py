"""What a real API server answered: one file for each script of conversations."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.kubernetes import Rule
from local.kubernetes.documents import Document, child, items, parse_json, text, words
from tests.contract.api_servers import ApiServer
from tests.contract.recording import access, applies, objects, patches, protocol
from tests.contract.recording.conversation import Conversation, Request, held

SCRIPTS: Mapping[str, Mapping[str, Conversation]] = {
    "access": access.CONVERSATIONS,
    "applies": applies.CONVERSATIONS,
    "objects": objects.CONVERSATIONS,
    "patches": patches.CONVERSATIONS,
    "protocol": protocol.CONVERSATIONS,
}
_FOLDER = Path(__file__).parent / "answers"


def record(server: ApiServer, name: str) -> Path:
    """Hold a script's conversations with the server and write them down; return the file."""
    conversations: Document = {
        title: conversation.document(list(held(server, conversation)))
        for title, conversation in SCRIPTS[name].items()
    }
    path = _FOLDER / f"{name}.json"
    whole: Document = {"server": version(server), "conversations": conversations}
    path.write_text(_lines(whole))
    return path


def recorded(name: str) -> dict[str, tuple[Conversation, list[Document]]]:
    """Return each recorded conversation with the real server's answers."""
    conversations = child(_read(name), "conversations")
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
    (recorded_one,) = {text(_read(name), "server") for name in SCRIPTS}
    return recorded_one


def _read(name: str) -> Document:
    document = parse_json((_FOLDER / f"{name}.json").read_bytes())
    assert isinstance(document, dict)
    return document


def _lines(document: Document) -> str:
    """Return JSON with a line for each turn, so that a difference is a line of the diff."""
    lines = [f'{{"server": {json.dumps(document["server"])}, "conversations": {{']
    conversations = child(document, "conversations")
    for title in conversations:
        conversation = child(conversations, title)
        rules = json.dumps(conversation.get("rules", []))
        held_turns = items(conversation, "turns")
        turns = ",\n".join(json.dumps(turn, ensure_ascii=False) for turn in held_turns)
        lines.append(f'{json.dumps(title)}: {{"rules": {rules}, "turns": [\n{turns}\n]}},')
    lines[-1] = lines[-1].removesuffix(",")
    return "\n".join([*lines, "}}"]) + "\n"
