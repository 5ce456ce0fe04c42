"""A conversation: requests in a namespace of their own, and each answer in its normal form."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from local.kubernetes import Rule
from local.kubernetes.documents import Document, Json, child, dump, text
from tests.contract.api_servers import JSON, ApiServer
from tests.contract.recording.normal import Normal

_REPEATED = re.compile(r"\{(.)\*(\d+)\}")
"""How a request spells a long text: `{x*300}`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; its texts may name `{ns}`, `{user}`, `{uid}`, and `{version}` or `{first}`.

    A body that is a string is sent as it is, any other as JSON. `user` sends it as the user that
    has the conversation's rules, instead of the administrator.
    """

    method: str
    path: str
    body: Json = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    user: bool = False

    def document(self) -> Document:
        """Return the request as it is recorded."""
        recorded: Document = {"send": f"{self.method} {self.path}"}
        if self.body is not None:
            recorded["body"] = self.body
        if self.media != JSON:
            recorded["media"] = self.media
        if self.headers:
            recorded["headers"] = dict(self.headers)
        if self.user:
            recorded["user"] = True
        return recorded

    @classmethod
    def of(cls, recorded: Document) -> "Request":
        """Return the request that was recorded."""
        method, _, path = text(recorded, "send").partition(" ")
        headers = {key: str(value) for key, value in child(recorded, "headers").items()}
        media = text(recorded, "media") if "media" in recorded else JSON
        return cls(method, path, recorded.get("body"), media, headers, "user" in recorded)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Requests in the order they are sent, and the rules of their user in the namespace."""

    requests: Sequence[Request]
    rules: Sequence[Rule] = ()

    def document(self, answers: Sequence[Document]) -> Document:
        """Return the conversation as it is recorded."""
        turns: list[Json] = [
            {**request.document(), "answer": answer}
            for request, answer in zip(self.requests, answers, strict=True)
        ]
        rules: list[Json] = [
            {"verbs": [*rule.verbs], "resources": [*rule.resources], "names": [*rule.names]}
            for rule in self.rules
        ]
        return {"rules": rules, "turns": turns}


def held(server: ApiServer, conversation: Conversation) -> Iterator[Document]:
    """Hold the conversation; yield each answer in its normal form."""
    namespace = server.create_namespace()
    normal = Normal({namespace: "{ns}"})
    known = {"ns": namespace, "user": "", "uid": "", "version": "", "first": ""}
    token = None
    if any(request.user for request in conversation.requests):
        rules = [
            Rule(rule.verbs, rule.resources, rule.names, (namespace,), rule.groups)
            for rule in conversation.rules
        ]
        account = server.user("reader", rules)
        known["user"], token = account.user, account.token
        normal.names[account.user] = "{user}"
    for request in conversation.requests:
        headers = {
            "User-Agent": "contract/1",
            **({"Content-Type": request.media} if request.media else {}),
            **request.headers,
        }
        if request.user:
            headers["Authorization"] = f"Bearer {token}"
        body = request.body
        sent = body if isinstance(body, str) else None if body is None else dump(body).decode()
        response = server.send(
            request.method,
            _filled(request.path, known),
            None if sent is None else _filled(sent, known).encode(),
            headers,
        )
        answer = normal.answer(response.status, dict(response.headers), response.data)
        for name, value in normal.seen.items():
            known[name] = value
            if name == "version" and not known["first"]:
                known["first"] = value
        yield answer


def _filled(template: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        template = template.replace(f"{{{name}}}", value)
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), template)
