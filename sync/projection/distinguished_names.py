"""Reads the names of certificates, compares them as loosely as any verifier does, and shows them.

RFC 5280, section 7.1, compares by LDAP's rules: whatever the type of string, ignoring case, runs of
blanks and blanks at the ends. OpenSSL folds ASCII only, Java folds Unicode, Go compares bytes.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from unicodedata import category, normalize

from sync.core.errors import excerpt
from sync.projection.ber import SET, Element

_MOST_BYTES = 4096
"""Of a name that is folded. Normalizing takes time by the square of a run of accents."""
_ENCODINGS = {
    0x0C: "utf-8",
    0x12: "latin-1",  # NumericString
    0x13: "latin-1",  # PrintableString
    0x14: "latin-1",  # TeletexString, as everybody reads it
    0x16: "latin-1",  # IA5String
    0x1A: "latin-1",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}

type _Part = tuple[str, str | bytes]
"""An attribute's identifier and its value, as bytes if it is no text."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name: `raw` is its encoding, `folded` is equal for names that some verifier calls equal."""

    raw: bytes
    folded: Hashable
    shown: str
    """The name in quotation marks, most specific part first, cut short if it is long."""


def read_name(name: Element) -> Name:
    """Read a name; one that cannot be read is compared byte by byte."""
    try:
        parts = _parts(name)
    except ValueError:
        return Name(name.raw, name.raw, "an unreadable name")
    shown = ", ".join("+".join(map(_shown, each)) for each in reversed(parts))
    folded = [tuple(sorted(map(repr, map(_folded, each)))) for each in parts]
    return Name(name.raw, tuple(folded), excerpt(shown) if shown else "the empty name")


def _parts(name: Element) -> Sequence[Sequence[_Part]]:
    if len(name.raw) > _MOST_BYTES:
        raise ValueError("longer than any name")
    return [[_part(each) for each in some.parts(SET)] for some in name.parts()]


def _part(attribute: Element) -> _Part:
    kind, held = attribute.parts()
    encoding = _ENCODINGS.get(held.tag)
    return kind.oid(), held.raw if encoding is None else held.content.decode(encoding)


def _folded(part: _Part) -> _Part:
    kind, text = part
    if isinstance(text, bytes):
        return part
    seen = (" " if each.isspace() else each for each in text)
    kept = "".join(each for each in seen if category(each) not in {"Cc", "Cf"})
    return kind, " ".join(normalize("NFKC", normalize("NFKC", kept).casefold()).split())


def _shown(part: _Part) -> str:
    kind, text = part
    return f"{_SHORT.get(kind, kind)}={'#' + text.hex() if isinstance(text, bytes) else text}"
