"""Undoes what may have been done to a value on its way into a text, one layer after the other."""

import re
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import unquote_to_bytes

_LAYERS = 4
_LONGEST = 1 << 22

_ESCAPE = re.compile(
    rb"\\u00([0-9a-f]{2})|\\U000000([0-9a-f]{2})|\\x([0-9a-f]{2})|&#x0*([0-9a-f]{2});"
    rb"|\\([01][0-7]{2})|&#0*([0-9]{2,3});",
    re.IGNORECASE,
)
_BASES = (16, 16, 16, 16, 8, 10)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{12,}")
STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"(?:[0-9a-f]{2}){8,}[0-9a-f]?", re.IGNORECASE)
_BETWEEN_HEX = re.compile(rb"\\x|0x|[\s:,.;'\"_-]+", re.IGNORECASE)
_NUMBERS = re.compile(rb"[0-9]{2,3}(?:\s*,\s*[0-9]{2,3}){7,}")
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x9c\xda]")
_BYTE = 256


def views(told: bytes, layers: int = _LAYERS, way: str = "plain") -> Iterator[tuple[str, bytes]]:
    """Yield the text as it is and as it reads with each kind of layer taken off, with the way."""
    yield way, told
    if not layers:
        return
    for name, undo in _UNDO.items():
        under = undo(told)
        if under and under != told:
            yield from views(under[:_LONGEST], layers - 1, f"{way} < {name}")


def _unescaped(told: bytes) -> bytes:
    """Undo JSON's, Python's, XML's and C's escapes."""
    if b"\\" not in told and b"&#" not in told:
        return b""

    def char(match: re.Match[bytes]) -> bytes:
        digits, base = next(
            (digits, base) for digits, base in zip(match.groups(), _BASES, strict=True) if digits
        )
        code = int(digits, base)
        return bytes([code]) if code < _BYTE else b""

    return _ESCAPE.sub(char, told)


def _unquoted(told: bytes) -> bytes:
    return unquote_to_bytes(told) if b"%" in told else b""


def _from_base64(told: bytes) -> bytes:
    """Decode all that may be base64 of either alphabet, from each of the four places of a group."""
    found: list[bytes] = []
    for run in _BASE64.findall(told.translate(STANDARD)):
        tails = (run[start:] for start in range(4))
        found += [b64decode(tail + b"A" * (-len(tail) % 4)) for tail in tails]
    return b"\n".join(found)


def _from_hex(told: bytes) -> bytes:
    found: list[bytes] = []
    for run in _HEX.findall(_BETWEEN_HEX.sub(b"", told)):
        for start in range(2):
            text = run[start : len(run) - (len(run) - start) % 2].decode()
            found.append(bytes.fromhex(text))
    return b"\n".join(found)


def _from_numbers(told: bytes) -> bytes:
    """Read lists of bytes as numbers."""
    return b"\n".join(
        bytes(int(number) % _BYTE for number in run.split(b",")) for run in _NUMBERS.findall(told)
    )


def _decompressed(told: bytes) -> bytes:
    found: list[bytes] = []
    for match in _COMPRESSED.finditer(told):
        with suppress(zlib.error):
            found.append(zlib.decompressobj(47).decompress(told[match.start() :], _LONGEST))
    return b"\n".join(found)


_UNDO: Mapping[str, Callable[[bytes], bytes]] = {
    "escapes": _unescaped,
    "percent": _unquoted,
    "base64": _from_base64,
    "hexadecimal": _from_hex,
    "numbers": _from_numbers,
    "compression": _decompressed,
}
