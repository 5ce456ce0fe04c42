"""The values that tests plant: made so that eight characters of one tell it from all other text."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterator
from itertools import product

PIECE = 8
"""How many characters of a value in a row are found, whatever is before and behind them."""

GRAM, STRIDE = 12, 4
"""Of what was made elsewhere and planted, 15 bytes are: one run of GRAM at each STRIDE."""

DIGEST_PIECE = 12
"""How many characters at the beginning of a digest are found."""

# No vowels, so they are in no words; no a to f, so they are in no hexadecimal numbers.
SYLLABLES = (
    *("q7xz", "v3kj", "z9wg", "k4qm", "j8vt", "x5hq", "w2zk", "g6jx"),
    *("m3vz", "t9qj", "h7kw", "p4xg", "z2mj", "q8hv", "v6tx", "x9pk"),
)
ALPHABET = "".join(sorted(set("".join(SYLLABLES))))
_LENGTH = 10
_SEPARATORS = b" \t\r\n\"'`,;:|+\\-_*.[](){}<>=&/\0"
_HASHES = ("md5", "sha1", "sha256", "sha512")


def normal(told: bytes) -> bytes:
    """Return the text in the form that is searched: in one case, and without separators."""
    return told.lower().translate(None, _SEPARATORS)


def _pieces() -> Iterator[bytes]:
    """Yield all runs of eight characters, forwards and backwards."""
    for three in product(SYLLABLES, repeat=3):
        text = "".join(three)
        for at in range(len(text) - PIECE + 1):
            piece = text[at : at + PIECE].encode()
            yield piece
            yield piece[::-1]


PIECES = frozenset(_pieces())


class Planted:
    """What was planted in this process: digests, and pieces of what is not made of the dye."""

    def __init__(self) -> None:
        self.grams: set[bytes] = set()
        self.digests: set[str] = set()

    def digested(self, secret: bytes) -> None:
        """Let digests of a secret be found, too: whoever has one can try guesses against it."""
        for name in _HASHES:
            digest = hashlib.new(name, secret, usedforsecurity=False).digest()
            self.digests |= {digest.hex()[:DIGEST_PIECE], b64encode(digest).decode()[:DIGEST_PIECE]}

    def foreign(self, secret: bytes) -> None:
        """Let a secret be found that is not made of the dye."""
        self.digested(secret)
        text = normal(secret)
        assert len(text) >= GRAM + STRIDE, "too short to be told from other text"
        self.grams |= {text[at : at + GRAM] for at in range(len(text) - GRAM + 1)}


PLANTED_HERE = Planted()


def value() -> str:
    """Make a secret value, like no other, that `leaks` recognizes wherever it turns up."""
    made = "".join(secrets.choice(SYLLABLES) for _ in range(_LENGTH))
    PLANTED_HERE.digested(made.encode())
    return made


def plant(secret: str | bytes) -> None:
    """Let `leaks` find a secret that something else made, as a private key or a token."""
    PLANTED_HERE.foreign(secret.encode() if isinstance(secret, str) else secret)


PLANTED = "q7xzv3kjz9wgm3vzt9qjh7kwp4xgz2mjq8hvx9pk"
"""A value that is the same in every process, for tests that need one and no more."""

PLANTED_HERE.digested(PLANTED.encode())
