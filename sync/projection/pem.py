"""Reads and writes PEM, in whatever way a text field or a shell has mangled its lines."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

BEGIN = "-----BEGIN "
_DASHES = "-----"
_LABEL = re.compile(r"[A-Z0-9 ]{1,64}(?=-----)")
_LINE = 64


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its label, empty if it has none, and what it encodes, None if it is damaged.

    `locked` says that its headers speak of encryption.
    """

    label: str
    der: bytes | None = field(repr=False)
    locked: bool = False


def mended(text: str) -> str:
    """Undo line breaks that were written as a backslash and a letter."""
    return text.replace("\\r", "").replace("\\n", "\n")


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a text in order."""
    starts = [found.start() for found in re.finditer(BEGIN, text)]
    for start, end in pairwise([*starts, len(text)]):
        yield _block(text[start + len(BEGIN) : end])


def block(label: str, der: bytes) -> bytes:
    """Write a block."""
    digits = b64encode(der).decode()
    lines = [digits[at : at + _LINE] for at in range(0, len(digits), _LINE)]
    return "\n".join([f"{BEGIN}{label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _block(rest: str) -> Block:
    found = _LABEL.match(rest)
    if found is None:
        return Block("", None)
    label = found[0]
    body, dashes, end = rest[len(label) + len(_DASHES) :].partition(_DASHES)
    if not dashes or not end.startswith(f"END {label}-----"):
        return Block(label, None)
    if "ENCRYPTED" in label or "ENCRYPTED" in body:
        return Block(label, None, locked=True)
    try:
        return Block(label, b64decode("".join(body.split()), validate=True))
    except ValueError:
        return Block(label, None)
