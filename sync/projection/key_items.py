"""Parses the tags `k8s-keys`, `k8s-keys-2`, …: which keys there are, and what each is made of.

docs/adr/0020-values-made-of-members.md says why the grammar is as it is.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

TAG = "k8s-keys"
LONGEST = 8_192
"""Characters of all these tags together: Key Vault has 15 tags of 256, or 512 as it also says."""

_MOST_FAULTS = 8  # a text of nothing but commas has thousands
_CONTINUED = re.compile(rf"{TAG}-([2-9]|1[0-5])", re.ASCII)
_KEY = re.compile(r"(?!\.\Z|\.\.)[-._a-zA-Z0-9]{1,253}", re.ASCII)
_COMMAS = re.compile(r",,|,|[^,]++")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*+)\}|[{}]|[^{}]++")
_PATH = re.compile(r"\\[.\\]|.", re.DOTALL)
_PATH_IN_BRACES = re.compile(r"\\[.\\:]|.", re.DOTALL)
_QUOTES = frozenset("\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a")
_FORM = (
    f"{TAG} must be KEY=member or KEY=text with {{member}} in it, several divided by commas, as "
    "DB_USER=username, DB_URL=postgres://{username:url}@{host}"
)


class Filter(StrEnum):
    """How a member is written so that what reads the made value gets the member back."""

    URL = "url"
    PG = "pg"
    ADO = "ado"
    JSON = "json"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Reference:
    """The member at a path, and the filter that it goes through."""

    parts: tuple[str, ...]
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A key, and the pieces that its value is joined of.

    `bare` is a path without braces, whose value is the member as it is. `whole` is the filter that
    the joined value goes through.
    """

    key: str
    pieces: tuple[str | Reference, ...]
    bare: bool = False
    whole: Filter | None = None

    @property
    def references(self) -> Iterator[Reference]:
        """Yield what the item takes of the value."""
        return (piece for piece in self.pieces if isinstance(piece, Reference))


class _Wrong(Exception):
    """An item that cannot be read; its text ends a sentence that begins with the item."""


def is_continued(tag: str) -> bool:
    """Return whether a tag, in lower case, goes on where `k8s-keys` or another of them ends."""
    return _CONTINUED.fullmatch(tag) is not None


def read_items(given: Mapping[str, str], faults: list[str]) -> tuple[Item, ...]:
    """Return the items of all these tags in their order; adds to the faults, which quote no text.

    What stands in a tag may be a value by mistake, so items are called by their numbers.
    """
    tags = sorted((tag for tag in given if tag == TAG or is_continued(tag)), key=_number)
    if not tags:
        return ()
    if sum(len(given[tag]) for tag in tags) > LONGEST:
        faults.append(f"{TAG} may have {LONGEST:,} characters at most in all of its tags")
        return ()
    found: list[Item] = []
    for tag in tags:
        if odd := _odd(given[tag]):
            faults.append(f"{tag} has {odd}")
            continue
        texts = _items(given[tag])
        found += _read(tag, texts if texts[-1] else texts[:-1] or texts, found, faults)
    faults += _torn(tags, given)
    return tuple(found)


def _number(tag: str) -> int:
    found = _CONTINUED.fullmatch(tag)
    return int(found[1]) if found else 1


def _torn(tags: Sequence[str], given: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults of tags that do not follow each other, as when one is lost."""
    for place, tag in enumerate(tags, 1):
        wanted = TAG if place == 1 else f"{TAG}-{place}"
        if tag != wanted:
            yield f"{wanted} is missing, and {tag} is there"
            return
        goes_on = len(_items(given[tag])) > 1 and not _items(given[tag])[-1]
        if goes_on and place == len(tags):
            yield f"{tag} ends in a comma, so {TAG}-{place + 1} must follow, and it is missing"
        elif not goes_on and place < len(tags):
            yield f"{tag} must end in a comma if {tags[place]} is to follow"


def _items(text: str) -> list[str]:
    """Divide a text at its single commas; two are one that divides nothing."""
    found = [""]
    for piece in _COMMAS.findall(text):
        if piece == ",":
            found.append("")
        else:
            found[-1] += "," if piece == ",," else piece
    return [each.strip() for each in found]


def _odd(text: str) -> str:
    """Say which character no item may have, if there is one."""
    if text.isprintable() and _QUOTES.isdisjoint(text):
        return ""  # what nearly all are, since every pass reads the tags of up to 20,000 secrets
    for character in text:
        if character in _QUOTES:
            title = unicodedata.name(character).lower()
            return f"a typographic quotation mark ({title}): type it without, or use ' instead"
        category = unicodedata.category(character)
        if category == "Cc":
            return "a line break, a tab or another control character: take it out"
        if category == "Cs":
            return "a character that UTF-8 cannot encode (a lone surrogate): take it out"
    return ""


def _read(tag: str, texts: Sequence[str], before: Sequence[Item], faults: list[str]) -> list[Item]:
    if texts == [""]:
        faults.append(_FORM if tag == TAG else f"{tag} is empty")
        return []
    seen = {item.key for item in before}
    found: list[Item] = []
    for number, text in enumerate(texts, 1):
        if len(faults) >= _MOST_FAULTS:
            break
        try:
            item = _item(text)
        except _Wrong as wrong:
            faults.append(f"item {number} of {tag} {wrong}")
            continue
        if item.key in seen:
            faults.append(f"item {number} of {tag} names a key that an earlier item has named")
        seen.add(item.key)
        found.append(item)
    return found


def _item(text: str) -> Item:
    if not text:
        raise _Wrong("is empty: take away a comma, or write two for one in a text")
    left, equals, right = (part.strip() for part in text.partition("="))
    if not equals:
        raise _Wrong("has no '=' behind its key, as DB_USER=username")
    key, colon, word = (part.strip() for part in left.partition(":"))
    if not _KEY.fullmatch(key):
        raise _Wrong(
            "must begin with a key of 1 to 253 characters of a-z, A-Z, 0-9, '-', '_' and '.', not "
            "'.' alone and not '..' in front"
        )
    if not right:
        raise _Wrong("has nothing behind its '='")
    whole = _filter(word) if colon else None
    if "{" in right or "}" in right:
        return Item(key, tuple(_pieces(right)), whole=whole)
    behind = right.rpartition(":")[2].strip().lower()
    if ":" in right and behind in set(Filter):
        raise _Wrong(f"has a filter, which needs braces: KEY={{member:{behind}}}")
    return Item(key, (Reference(_path(right, _PATH)),), bare=True, whole=whole)


def _filter(word: str) -> Filter:
    try:
        return Filter(word.lower())
    except ValueError:
        raise _Wrong(f"has an unknown filter: there are {', '.join(Filter)}") from None


def _pieces(text: str) -> Iterator[str | Reference]:
    """Yield a template's literals and what stands in its braces."""
    literal, takes = "", False
    for found in _BRACES.finditer(text):
        match found[0]:
            case "{{" | "}}":
                literal += found[0][0]
            case "{":
                raise _Wrong("has an unclosed brace: write {member}, and {{ for a brace in a text")
            case "}":
                raise _Wrong("closes a brace that is not open: write }} for a brace in a text")
            case _ if found[1] is None:
                literal += found[0]
            case _:
                if literal:
                    yield literal
                literal, takes = "", True
                yield _reference(found[1])
    if literal:
        yield literal
    if not takes:
        raise _Wrong(
            "takes nothing of the value: a member stands in single braces, as {member}, since {{ "
            "is a brace in a text"
        )


def _reference(inside: str) -> Reference:
    pieces = _PATH_IN_BRACES.findall(inside)
    colons = [place for place, piece in enumerate(pieces) if piece == ":"]
    if len(colons) > 1:
        raise _Wrong("has more than one filter in a brace: write '\\:' for a colon inside a name")
    end = colons[0] if colons else len(pieces)
    path = "".join(pieces[:end]).strip()
    if not path:
        raise _Wrong("has braces without a member in them")
    word = "".join(pieces[end + 1 :]).strip()
    return Reference(_path(path, _PATH_IN_BRACES), _filter(word) if colons else None)


def _path(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Divide a path at its dots; a backslash takes the meaning from a dot or a backslash."""
    parts = [""]
    for piece in pattern.findall(text):
        if piece == ".":
            parts.append("")
        else:
            parts[-1] += piece[-1]
    return tuple(parts)
