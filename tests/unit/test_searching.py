"""The searcher for planted values: every guise is found at any place, ordinary text is none."""

import base64
import gzip
import hashlib
import html
import json
import uuid
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.leaks.dye import PIECE, Planted, value
from tests.leaks.search import leaks

type Guise = Callable[[str], str]


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _wrapped(text: str) -> str:
    return base64.encodebytes(b"before it " * 9 + text.encode() + b" and after it" * 9).decode()


def _b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


GUISES: Mapping[str, Guise] = {
    "plain": str,
    "upper": str.upper,
    "title": str.title,
    "reversed": lambda text: text[::-1],
    "spaced": " ".join,
    "lines": "\n".join,
    "fields": lambda text: json.dumps([text[at : at + 3] for at in range(0, len(text), 3)]),
    "json": lambda text: json.dumps(f'ä"{text}'),
    "json in json": lambda text: json.dumps(json.dumps(json.dumps(f'ä"{text}'))),
    "unicode": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "unicode in json": lambda text: json.dumps("".join(f"\\u{ord(each):04X}" for each in text)),
    "python": lambda text: "".join(f"\\x{ord(each):02x}" for each in text),
    "octal": lambda text: "".join(f"\\{ord(each):03o}" for each in text),
    "repr": lambda text: repr(text.encode() + b"\x00\xff"),
    "numbers": lambda text: repr(list(text.encode())),
    "utf-16": lambda text: repr(text.encode("utf-16")),
    "url": lambda text: quote(f"ä {text}/?", safe=""),
    "percent": _percent,
    "percent twice": lambda text: quote(_percent(text)),
    "html": lambda text: html.escape(f'<"{text}">'),
    "entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "hexadecimal": lambda text: text.encode().hex(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper(),
    "hexadecimal bytes": lambda text: text.encode().hex(" "),
    "hexadecimal, colons": lambda text: text.encode().hex(":"),
    "base64": _b64,
    "base64 in an URL": lambda text: quote(_b64(text + "?>"), safe=""),
    "base64, of URLs": lambda text: base64.urlsafe_b64encode(f"ÿÿ{text}ÿ".encode()).decode(),
    "base64 twice": lambda text: _b64(_b64(text)),
    "base64 thrice": lambda text: _b64(_b64(_b64(text))),
    "base64 of JSON": lambda text: _b64(json.dumps({"auths": {"host": {"auth": _b64(text)}}})),
    "base64 of UTF-16": lambda text: _b64(text.encode("utf-16")),
    "base64 in lines": _wrapped,
    "base64 in lines, escaped": lambda text: json.dumps(_wrapped(text)),
    "gzip": lambda text: _b64(gzip.compress(text.encode())),
    "zlib": lambda text: _b64(zlib.compress(text.encode())),
    "basic authentication": lambda text: f"Basic {_b64(f'user:{text}')}",
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "sha1": lambda text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest().upper(),
    "sha256, short": lambda text: hashlib.sha256(text.encode()).hexdigest()[:12],
    "sha512": lambda text: hashlib.sha512(text.encode()).hexdigest(),
    "sha256 as base64": lambda text: _b64(hashlib.sha256(text.encode()).digest()),
    "first and last four": lambda text: f"{text[:4]}***{text[-4:]}",
    "first four": lambda text: f"{text[:4]}...",
    "last four": lambda text: f"•••••{text[-4:]}",
}
LINES = st.lists(
    st.sampled_from(
        [
            "2026-11-26 14:00:00,123 INFO [key_vault_event -] keyvault-sync: event: in step with",
            f"{uuid.UUID(int=0x123456789ABCDEF0123456789ABCDEF0)} {{'a': 1}}",
            "GET /secrets/db-password/0123456789abcdef0123456789abcdef?api-version=7.5 200",
            '  File "sync/adapters/azure/key_vault.py", line 12, in get',
        ]
    ),
    max_size=3,
).map("\n".join)


@pytest.mark.parametrize("name", GUISES)
@settings(max_examples=20)
@given(
    before=LINES, around=st.text("ab/+=-_ ,\"'\\n\n", max_size=5), after=LINES, raw=st.booleans()
)
def test_a_value_is_found_in_every_guise_at_any_place(
    name: str, before: str, around: str, after: str, *, raw: bool
) -> None:
    """Whatever a text does to a value, and wherever it stands, it is found."""
    told = f"{before} {around} {GUISES[name](value())} {around} {after}"
    assert leaks(told.encode() if raw else told)


@given(start=st.integers(0, 40 - PIECE), prefix=st.text(max_size=4), encoded=st.booleans())
def test_eight_characters_of_a_value_are_found(start: int, prefix: str, *, encoded: bool) -> None:
    """A value that is cut short at both ends is found, in base64 at any offset, too."""
    piece = f"{prefix}={value()[start : start + PIECE]}="
    assert leaks(_b64(piece) if encoded else piece)


@given(st.binary(min_size=40, max_size=60), st.integers(0, 20), st.integers(0, 3))
def test_what_was_made_elsewhere_is_found_once_it_is_planted(
    made: bytes, start: int, shift: int
) -> None:
    """Of a private key, fifteen bytes and more are found: in base64, hexadecimal, and raw."""
    secret = hashlib.sha512(made).digest()  # no separators in abundance
    planted = Planted()
    planted.foreign(secret)
    piece = b"x" * shift + secret[start : start + 40]
    assert all(leaks(told, planted) for told in (piece, _b64(piece), piece.hex()))


@given(st.text(), st.binary(max_size=400), st.uuids())
def test_ordinary_text_is_no_leak(text: str, some: bytes, number: uuid.UUID) -> None:
    """Neither texts nor keys, numbers and digests of something else raise an alarm."""
    told = f"{text} {_b64(some)} {some.hex()} {number} {hashlib.sha256(some).hexdigest()}"
    assert leaks(told) == []


@pytest.mark.parametrize("char", ["x", "*", ".", "a", "0", "A", "\\", "%", "&#", " ", "12,", "q7"])
def test_a_long_run_of_anything_is_searched_in_time(char: str) -> None:
    """No text makes the search take more than in proportion to its length."""
    assert leaks(char * 200_000) == []
