"""Parses BER, the encoding of PKCS#12, and its subset DER, that of keys, with limits on both.

Limited are depth and the number of elements.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

SEQUENCE, SET, INTEGER, BITS, OCTETS, NULL, OID = 0x30, 0x31, 0x02, 0x03, 0x04, 0x05, 0x06

_MOST_LEVELS = 24
_MOST_ELEMENTS = 2_000
"""A bundle of 32 certificates has 300, and about 600 if its octet strings come in pieces."""
_LONGEST_OID = 32
_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_LONG_LENGTH, _INDEFINITE = 0x80, 0x80
_MOST_LENGTH_BYTES = 4
_MORE = 0x80
_END = b"\0\0"


@dataclass(slots=True)
class _Allowance:
    """How many more elements may be read from one encoding, and whether it has to be DER."""

    strict: bool = False
    left: int = _MOST_ELEMENTS

    def take(self) -> None:
        """Count one element; raises ValueError when none are left."""
        if not self.left:
            raise ValueError("too many elements")
        self.left -= 1


@dataclass(frozen=True, slots=True)
class Element:
    """A tag and its content; `raw` is the whole element, and `level` is its depth.

    `found` holds the children of an element without a stated length: finding its end reads them.
    """

    tag: int
    content: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    level: int
    allowance: _Allowance = field(repr=False, compare=False)
    found: Sequence["Element"] | None = field(default=None, repr=False, compare=False)

    def parts(self, tag: int = SEQUENCE) -> Sequence["Element"]:
        """Return its child elements; raises ValueError if its tag is not `tag`."""
        self.expect(tag)
        if self.found is not None:
            return self.found
        return _elements(self.content, self.level + 1, self.allowance)

    def octets(self, tag: int = OCTETS) -> bytes:
        """Return an octet string, joined if BER has split it; raises ValueError."""
        if self.tag == tag | _CONSTRUCTED:
            return b"".join(part.octets() for part in self.parts(self.tag))
        self.expect(tag)
        return self.content

    def number(self) -> int:
        """Return a number of zero or more; raises ValueError."""
        self.expect(INTEGER)
        if not self.content or self.content[0] & 0x80:
            raise ValueError("no count")
        return int.from_bytes(self.content)

    def bits(self) -> bytes:
        """Return a bit string of whole bytes; raises ValueError."""
        self.expect(BITS)
        if self.content[:1] != b"\0":
            raise ValueError("no whole bytes")
        return self.content[1:]

    def oid(self) -> str:
        """Return an object identifier as numbers joined by dots; raises ValueError."""
        self.expect(OID)
        if len(self.content) > _LONGEST_OID:
            raise ValueError("no known identifier")
        arcs, arc = list[int](), 0
        for byte in self.content:
            arc = arc << 7 | byte & 0x7F
            if byte < _MORE:
                arcs.append(arc)
                arc = 0
        root = min(arcs[0] // 40, 2) if arcs else 0
        return ".".join(map(str, [root, arcs[0] - 40 * root, *arcs[1:]] if arcs else []))

    def expect(self, tag: int) -> None:
        """Raise ValueError if it has another tag."""
        if self.tag != tag:
            raise ValueError("another element was expected")


def element(encoded: bytes, *, strict: bool = False) -> Element:
    """Read exactly one element; raises ValueError.

    If `strict`, it and what is read of its parts must have the lengths of DER.
    """
    (only,) = _elements(encoded, 0, _Allowance(strict))
    return only


def tlv(tag: int, *parts: bytes) -> bytes:
    """Write an element of DER."""
    body = b"".join(parts)
    size = b"" if len(body) < _LONG_LENGTH else _bytes_of(len(body))
    head = bytes([tag, _LONG_LENGTH | len(size)]) + size if size else bytes([tag, len(body)])
    return head + body


def _bytes_of(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _elements(encoded: bytes, level: int, allowance: _Allowance) -> Sequence[Element]:
    found, at = list[Element](), 0
    while at < len(encoded):
        each, at = _read(encoded, at, level, allowance)
        found.append(each)
    return found


def _read(encoded: bytes, at: int, level: int, allowance: _Allowance) -> tuple[Element, int]:
    """Return the element at a position, and the position after it."""
    allowance.take()
    if level > _MOST_LEVELS:
        raise ValueError("too deep")
    if len(encoded) < at + 2 or encoded[at] & _LONG_TAG == _LONG_TAG:
        raise ValueError("no element")
    tag, length, start = encoded[at], encoded[at + 1], at + 2
    if length == _INDEFINITE and tag & _CONSTRUCTED and not allowance.strict:
        found, end = list[Element](), start
        while encoded[end : end + 2] != _END:
            each, end = _read(encoded, end, level + 1, allowance)
            found.append(each)
        content, raw = encoded[start:end], encoded[at : end + 2]
        return Element(tag, content, raw, level, allowance, found), end + 2
    if length & _LONG_LENGTH:
        size = length & ~_LONG_LENGTH
        if not 0 < size <= _MOST_LENGTH_BYTES:
            raise ValueError("no length")
        stated, start = encoded[start : start + size], start + size
        length = int.from_bytes(stated)
        if allowance.strict and (length < _LONG_LENGTH or stated != _bytes_of(length)):
            raise ValueError("no length of DER")
    end = start + length
    if end > len(encoded):
        raise ValueError("cut short")
    return Element(tag, encoded[start:end], encoded[at:end], level, allowance), end
