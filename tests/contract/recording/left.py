"""In what the emulator differs from a real API server, knowingly, and why that is left."""

import re
from dataclasses import dataclass

from local.kubernetes.documents import Document, dump, parse_json


@dataclass(frozen=True, slots=True)
class Left:
    """A part of an answer that is not compared: where it matches, `shown` stands in its place."""

    why: str
    pattern: str
    shown: str


LEFT = (
    Left(
        "the object that a refused patch would have made is quoted whole by both, its fields in "
        "another order",
        r"Invalid value: \\\"\{\\\\\\\".*?\}\\\": ",
        "Invalid value: the object: ",
    ),
    Left(
        "a refused strategic merge patch is quoted whole by both, here without the nulls that "
        "the server had come to",
        r"Invalid value: \\\"map\[.*?\]\\\": ",
        "Invalid value: the patch: ",
    ),
    Left(
        "the descriptions of a table's columns are the API's documentation; no client reads them",
        r'"description":"[^"]*"',
        '"description":"…"',
    ),
    Left(
        "the emulator says which kinds it has, for who meets one that it has not",
        r"this local server has no [^\"]*|the server could not find the requested resource",
        "no such resource",
    ),
    Left(
        "by which of a cluster's bindings a review allows: the emulator's accounts have none",
        r',"reason":"RBAC: allowed by (\\"|[^"])*"',
        "",
    ),
    Left(
        "the groups, uid and token's id of a service account: the emulator has users alone",
        r'("uid":"\{uid\}",)?"groups":\[[^\]]*\](,"extra":\{[^\]]*\]\})?',
        '"groups":[]',
    ),
    Left(
        "the annotation that a DaemonSet has of its template's generation, for clients of old",
        r'"(f:)?deprecated\.daemonset\.template\.generation":("\d+"|\{\}),',
        "",
    ),
    Left(
        "what Go's crypto/tls warns of in a pair of certificate and key; nothing reads it",
        r'"Warning":"299 - \\"tls: [^"]*\\"",',
        "",
    ),
)

BY_CHANCE = Left(
    "which of several faults in a configuration's structure are told: the server looks at fields "
    "in an order of chance",
    r"(failed to create typed patch object \([^)]*\): ).*?(?=\",\"code)",
    r"\1…",
)


def compared(answer: Document, *also: Left) -> Document:
    """Return the answer without what is left."""
    said = dump(answer).decode()
    for left in (*LEFT, *also):
        said = re.sub(left.pattern, left.shown, said)
    document = parse_json(said.encode())
    assert isinstance(document, dict)
    return document
