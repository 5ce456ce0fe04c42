"""Reads dotenv: lines of NAME=VALUE, of which the readers that people use differ among themselves.

docs/adr/0017-dotenv-is-read-by-us.md says how they differ, and what is read here.
"""

import re
from collections.abc import Mapping

from sync.core.errors import Permanent
from sync.projection.trees import Node, checked, has_twice, not_of_format

MAX_STATEMENTS = 2000
"""Members and comments of a value."""

_LINE_BREAK = re.compile(r"\r\n?")
_BLANK = re.compile(r"\s*+")
_START = re.compile(r"(?:export[^\S\n]++)?+([^\s=#'\"`]++)[^\S\n]*+=[^\S\n]*+")
_REST_OF_LINE = re.compile(r"[^\n]*+")
_BEHIND_QUOTES = re.compile(r"[^\S\n]*+(?:#[^\n]*+)?+(?:\n|\Z)")
_COMMENT = re.compile(r"[^\S\n]#")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES: Mapping[str, str] = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'([^']*+)'"),
    "`": re.compile(r"`([^`]*+)`"),
}
_BASE64 = re.compile(r"[-_+/A-Za-z0-9]{16,}={1,2}")


def read_dotenv(subject: str, text: str) -> Node:
    """Parse dotenv strictly; raises Permanent, whose message begins with `subject`.

    Nothing is substituted. Messages name lines and never names, since a value in the wrong place
    may be taken for one.
    """
    if _BASE64.fullmatch(text.strip()):
        raise not_of_format(
            subject, "is no dotenv but looks like base64, which k8s-encoding undoes"
        )
    found: dict[str, Node] = {}
    reader = _Reader(subject, _LINE_BREAK.sub("\n", text))
    for number in range(MAX_STATEMENTS + 1):
        if not reader.more():
            return checked(subject, found)
        if number == MAX_STATEMENTS:
            break
        line = reader.line()
        if member := reader.member():
            if member[0] in found:
                raise has_twice(subject, f"the member of line {line}")
            found[member[0]] = member[1]
    raise not_of_format(subject, f"has more than {MAX_STATEMENTS:,} members and comments")


class _Reader:
    """A place in a text whose lines end with line feeds."""

    def __init__(self, subject: str, text: str) -> None:
        self._subject = subject
        self._text = text
        self._at = 0
        self._counted = 0
        self._lines = 1

    def more(self) -> bool:
        """Go to the next member or comment; return whether there is one."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def line(self, at: int | None = None) -> int:
        """Return the number of the line at this place or at one after it."""
        at = self._at if at is None else at
        self._lines += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._lines

    def member(self) -> tuple[str, str] | None:
        """Read a member, or a comment as None."""
        if self._text[self._at] == "#":
            self._rest()
            return None
        start = _START.match(self._text, self._at)
        if start is None:
            raise self._wrong(self._at, "which must be as NAME=VALUE")
        self._at = start.end()
        quote = self._text[self._at : self._at + 1]
        return start[1], self._quoted(quote) if quote in _QUOTED else self._plain()

    def _rest(self) -> str:
        rest = _REST_OF_LINE.match(self._text, self._at)
        if rest is None:
            return ""
        self._at = rest.end()
        return rest[0]

    def _plain(self) -> str:
        """Read to the end of the line, or to a `#` behind a blank."""
        at = self._at - 1  # with the `=` or the blank in front
        whole = self._text[at : self._at] + self._rest()
        comment = _COMMENT.search(whole)
        return whole[1 : comment.start() if comment else len(whole)].strip()

    def _quoted(self, quote: str) -> str:
        found = _QUOTED[quote].match(self._text, self._at)
        if found is None:
            raise self._wrong(self._at, f"where a quotation mark {quote} opens and none closes")
        inside = found[1]
        value = self._unescaped(inside) if quote == '"' else self._literal(quote, inside)
        behind = _BEHIND_QUOTES.match(self._text, found.end())
        if behind is None:
            raise self._wrong(found.end(), "where more than a comment stands behind the quotes")
        self._at = behind.end()
        return value

    def _literal(self, quote: str, inside: str) -> str:
        if inside.endswith("\\"):
            raise self._wrong(
                self._at + 1 + len(inside),
                f"where a backslash stands before the closing {quote}, which readers of dotenv "
                "take differently (use double quotes, and \\\\ for a backslash)",
            )
        return inside

    def _unescaped(self, inside: str) -> str:
        for escape in _ESCAPE.finditer(inside):
            if escape[1] not in _ESCAPES:
                raise self._wrong(
                    self._at + 1 + escape.start(),
                    "where a backslash in double quotes stands before something else than n, r, "
                    't, ", $ or another backslash (use single quotes)',
                )
        return _ESCAPE.sub(lambda escape: _ESCAPES[escape[1]], inside)

    def _wrong(self, at: int, why: str) -> Permanent:
        return not_of_format(self._subject, f"is no dotenv in line {self.line(at)}, {why}")
