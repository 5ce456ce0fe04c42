"""Small inputs that ask for much: time, depth and memory are bounded by an input's length."""

from collections.abc import Iterator

import pytest

from tests.fuzz.target import Target, check
from tests.fuzz.targets import TARGETS, ids

REPEATED = (
    b"[", b"{", b'{"a":', b'[{"a":', b"(", b'"', b"'", b"\\", b"\\n", b"\n", b"\r", b" ", b"\t",
    b"\0", b"\xff", b"a", b"9", b"a=", b"=", b"a: ", b"- ", b"? ", b": ", b"#", b"|\n", b"&a ",
    b"*a ", b"!a ", b"%a\n", b"${a}", b"a=b\n", b"a.", b"a-", b"%", b",", b"@", b"0:", b"<<: ",
    b"-----BEGIN ", b"-----BEGIN A-----", b"-----END A-----", b"-----", b"\x30\x80", b"\x24\x80",
    b"\x30\x82\x10\x00", b"1e9", b"\xed\xa0\x80", b"\\ud800", b"*", b"?", b"[!", b"[a-",
)  # fmt: skip


def bombs(target: Target) -> Iterator[bytes]:
    """Return each text again and again: in place of a seed's body, and in the middle of it."""
    room = target.longest - max(map(len, target.seeds))
    for number, text in enumerate(REPEATED):
        seed = target.seeds[number % len(target.seeds)]
        opening, blank, body = seed.partition(b"\n\n")
        head = opening + blank if blank else b""
        half = seed[: len(seed) - len(body or opening) // 2]
        yield head + text * (room // len(text))
        yield half + text * (room // len(text)) + seed[len(half) :]


@pytest.mark.filterwarnings("ignore")  # libraries warn of odd input
@pytest.mark.parametrize("target", TARGETS.values(), ids=ids)
def test_no_bomb_goes_off(target: Target) -> None:
    """Depth, repetition and unclosed brackets end in a refusal, in time."""
    for bomb in bombs(target):
        check(target, bomb)
