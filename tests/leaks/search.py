"""Finds planted values in what was told: in any guise, in pieces, and by their digests."""

import re
from collections.abc import Iterator

from tests.leaks.dye import (
    ALPHABET,
    DIGEST_PIECE,
    GRAM,
    PIECE,
    PIECES,
    PLANTED_HERE,
    STRIDE,
    SYLLABLES,
    Planted,
    normal,
)
from tests.leaks.guises import STANDARD, views

_BEFORE = 80
_RUN = re.compile(rf"[{ALPHABET}]{{{PIECE},}}".encode())
_HEX = re.compile(rb"[0-9a-f]{12,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{12,}")
_SYLLABLE = "|".join(SYLLABLES)
_MASK = r"\*\*|xxx|\.\.|…|••"  # no repetition: of a long run each place would be a start
_MASKED = re.compile(
    rf"(?<![a-z0-9])(?:{_SYLLABLE})(?:{_MASK})|(?:{_MASK})(?:{_SYLLABLE})(?![a-z0-9])".encode(),
    re.IGNORECASE,
)


def leaks(told: str | bytes, planted: Planted = PLANTED_HERE) -> list[str]:
    """Return how each planted value was told, and what leads to it; nothing where none was.

    Found are eight characters of a value in a row, in any case, backwards, with separators between,
    escaped, encoded or compressed; four next to a mask; digests.
    """
    raw = told.encode(errors="surrogatepass") if isinstance(told, str) else told
    found = [f"masked: {_lead(raw, match.start())}" for match in _MASKED.finditer(raw)]
    for way, view in views(raw):
        text = normal(view)
        places = [*_dyed(text), *_foreign(text, planted)]
        found += [f"{way}: {_lead(text, place)}" for place in places]
        found += [f"digest, {way}: {_lead(view, place)}" for place in _digests(view, planted)]
    return found


def _dyed(text: bytes) -> Iterator[int]:
    """Yield where a run of the dye's characters holds a piece of it, once a run."""
    for match in _RUN.finditer(text):
        run = match.group()
        for at in range(len(run) - PIECE + 1):
            if run[at : at + PIECE] in PIECES:
                yield match.start() + at
                break


def _foreign(text: bytes, planted: Planted) -> Iterator[int]:
    grams = planted.grams
    if grams:
        yield from (at for at in range(0, len(text), STRIDE) if text[at : at + GRAM] in grams)


def _digests(view: bytes, planted: Planted) -> Iterator[int]:
    standard = view.translate(STANDARD)
    for runs in (_HEX.finditer(view.lower()), _BASE64.finditer(standard)):
        for run in runs:
            if run.group()[:DIGEST_PIECE].decode() in planted.digests:
                yield run.start()


def _lead(text: bytes, place: int) -> str:
    return text[max(0, place - _BEFORE) : place].decode(errors="replace")
