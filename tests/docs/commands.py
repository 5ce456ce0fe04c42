"""Finds the commands that the documents tell to type: their blocks marked `sh`."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "infra").rglob("README.md")]
)

_FENCES = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"# needs (.+)\n")
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_SEPARATORS = set("();|&\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document; `kind` is what stands behind its fence."""

    document: str
    kind: str
    text: str

    @property
    def needs(self) -> str:
        """What the first line says that the commands need; empty: the local stack at most."""
        found = _NEEDS.match(self.text)
        return found[1] if found else ""

    def commands(self) -> Iterator[list[str]]:
        """Split a shell's text into the words of each command, also of those within `$()`."""
        text = _COMMENT.sub("", self.text).replace("\\\n", " ")
        lexer = shlex.shlex(text, posix=True, punctuation_chars="();|&\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        command: list[str] = []
        for word in [*lexer, "\n"]:
            if not set(word) <= _SEPARATORS:
                command.append(word)
            elif command:
                yield command
                command = []
        for quoted in re.findall(r'"\$\(([^()]+)\)"', text):
            yield shlex.split(quoted)


def blocks() -> Iterator[Block]:
    """Return every block of every document, in order."""
    for document in DOCUMENTS:
        for kind, text in _FENCES.findall(document.read_text(encoding="utf-8")):
            yield Block(str(document.relative_to(ROOT)), kind, text)
