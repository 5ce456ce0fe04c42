"""Reads those templates of Go that put entries into a text, and says what others do.

https://pkg.go.dev/text/template has the syntax.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sync.cli.external_secrets.manifests import Unfit

_BLANKS = " \t\r\n"
_ACTION = re.compile(
    r"\{\{(?:- )?/\*.*?\*/(?: -)?\}\}"
    r"""|\{\{(?:"(?:[^"\\\n]|\\.)*+"|`[^`]*+`|'(?:[^'\\\n]|\\.)*+'|[^"`'}]|\}(?!\}))*+\}\}""",
    re.DOTALL,
)
_STRING = r"""(?:"([^"\\\n]*)"|`([^`]*)`)"""
_REFERENCE = re.compile(r"\.([^\W\d]\w*)")
_INDEX = re.compile(rf"index\s+\.\s+{_STRING}")
_LITERAL = re.compile(_STRING)
_ANY_STRING = re.compile(r""""(?:[^"\\]|\\.)*+"|`[^`]*+`|'(?:[^'\\]|\\.)*+'""")
_FUNCTION = re.compile(r"(?<![.\w$])[A-Za-z_]\w*", re.ASCII)
_KEYWORDS = frozenset(
    ("if", "else", "end", "range", "with", "define", "block", "template", "break", "continue")
)
_ENDS = ("has the action end", "has the action else")
"""What is told only where nothing begins."""
_CONSTANTS = frozenset(("true", "false", "nil"))
_SIMILAR = {
    "urlquery": "{member:url}, which writes %20 for a blank",
    "b64enc": "{member:base64}",
    "toJson": "{member:json}",
    "b64dec": "k8s-encoding: base64",
    "fromJson": "k8s-expand: json",
    "pkcs12cert": "k8s-type: tls",
    "pkcs12key": "k8s-type: tls",
    "trim": "k8s-trim: true",
}


@dataclass(frozen=True, slots=True)
class Named:
    """The entry of that name."""

    name: str


def pieces(text: str) -> tuple[str | Named, ...]:
    """Return the texts and entries that a template joins; raises Unfit if it does more."""
    found: list[str | Named] = []
    reasons: list[str] = []
    for piece in _pieces(text, reasons):
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece:
            found.append(piece)
    if reasons:
        raise Unfit(
            *([each for each in dict.fromkeys(reasons) if each not in _ENDS] or reasons[:1])
        )
    return tuple(found)


def _pieces(text: str, reasons: list[str]) -> Iterator[str | Named]:
    begin, trims = 0, False
    for action in _ACTION.finditer(text):
        inner = action[0][2:-2]
        before = text[begin : action.start()]
        if inner[:1] == "-" and inner[1:2].isspace():
            before, inner = before.rstrip(_BLANKS), inner[1:]
        yield _literal(before.lstrip(_BLANKS) if trims else before, reasons)
        trims = inner[-1:] == "-" and inner[-2:-1].isspace()
        piece = _action(inner[:-1] if trims else inner)
        if isinstance(piece, Unfit):
            reasons.extend(piece.reasons)
        else:
            yield piece
        begin = action.end()
    yield _literal(text[begin:].lstrip(_BLANKS) if trims else text[begin:], reasons)


def _literal(text: str, reasons: list[str]) -> str:
    if "{{" in text:
        reasons.append("has an action that is not closed")
    return text


def _action(inner: str) -> str | Named | Unfit:
    told = inner.strip()
    if told.startswith("/*"):
        return ""
    if found := _REFERENCE.fullmatch(told):
        return Named(found[1])
    if found := _INDEX.fullmatch(told):
        return Named(found[1] or found[2] or "")
    if found := _LITERAL.fullmatch(told):
        return found[1] or found[2] or ""
    return Unfit(_does(told))


def _does(told: str) -> str:
    """Say what an action does that is more than to put in an entry."""
    bare = _ANY_STRING.sub('""', told)
    words = list(dict.fromkeys(_FUNCTION.findall(bare)))
    if words and words[0] in _KEYWORDS and bare.startswith(words[0]):
        return f"has the action {words[0]}"
    if "$" in bare or ":=" in bare:
        return "has a variable"
    functions = [word for word in words if word not in _CONSTANTS]
    if not functions:
        return "has an action that is no reference to one entry"
    similar = list(dict.fromkeys(_SIMILAR[word] for word in functions if word in _SIMILAR))
    hint = f" (similar here: {'; '.join(similar)})" if similar else ""
    return f"calls {', '.join(functions)}{hint}"
