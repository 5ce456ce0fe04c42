"""Derives keys from an empty password by PKCS#5 and RFC 7292 without slowing other threads."""

import hashlib
from dataclasses import dataclass, field
from threading import Lock

from sync.projection.turns import PARSING

NO_PASSWORDS = (b"\0\0", b"")
"""The empty password and none, which differ for RFC 7292; most tools write the former."""

_LONGEST_KEY = 1024
_SLICE = 2_000  # rounds: about a millisecond
_SHORT = 5_000  # rounds: about 2 ms
_LONG_TURN = Lock()


@dataclass(frozen=True, slots=True)
class _Stretched:
    """A key of `size` bytes, derived from a password by that many rounds of a digest."""

    digest: str
    salt: bytes = field(repr=False)
    rounds: int
    size: int

    def __post_init__(self) -> None:
        """Raise ValueError for a count or size that no derivation has."""
        if self.rounds < 1 or not 0 < self.size <= _LONGEST_KEY:
            raise ValueError("no derivation")

    @property
    def blocks(self) -> int:
        """How many digests it takes to fill the key."""
        return -(-self.size // hashlib.new(self.digest).digest_size)


@dataclass(frozen=True, slots=True)
class Pbkdf2(_Stretched):
    """The derivation of PKCS#5, for which an empty password and none are the same."""

    @property
    def cost(self) -> int:
        """The rounds of hashing for both passwords, which have the same key."""
        return self.rounds * self.blocks

    def derive(self, _password: bytes) -> bytes:
        """Derive the key.

        The library lets other threads run meanwhile, but leaves them no core if many derive at a
        time. So one short and one long derivation may run, and the short ones wait for no long one.
        """
        with PARSING if self.rounds <= _SHORT else _LONG_TURN:
            return hashlib.pbkdf2_hmac(self.digest, b"", self.salt, self.rounds, self.size)


@dataclass(frozen=True, slots=True)
class Rfc7292(_Stretched):
    """The derivation of RFC 7292, appendix B; `use` is the number of what the key is for."""

    use: int

    @property
    def cost(self) -> int:
        """The rounds of hashing for both passwords."""
        return self.rounds * self.blocks * len(NO_PASSWORDS)

    def derive(self, password: bytes) -> bytes:
        """Derive the key."""
        block = hashlib.new(self.digest).block_size
        text = _filled(self.salt, block) + _filled(password, block)
        made = b""
        for _ in range(self.blocks):
            part = self._hashed(bytes([self.use]) * block + text)
            made += part
            step = int.from_bytes(_filled(part, block)[:block]) + 1
            pieces = (text[at : at + block] for at in range(0, len(text), block))
            text = b"".join(_sum(piece, step) for piece in pieces)
        return made[: self.size]

    def _hashed(self, text: bytes) -> bytes:
        one = getattr(hashlib, self.digest)
        for done in range(0, self.rounds, _SLICE):
            with PARSING:
                for _ in range(min(_SLICE, self.rounds - done)):
                    text = one(text).digest()
        return text


type Derivation = Pbkdf2 | Rfc7292


class Keys:
    """The derived keys of a bundle; each is derived once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Derivation, bytes], bytes] = {}

    def of(self, derivation: Derivation, password: bytes) -> bytes:
        """Return the key; derive it if it is not there yet."""
        wanted = derivation, b"" if isinstance(derivation, Pbkdf2) else password
        if wanted not in self._made:
            self._made[wanted] = derivation.derive(password)
        return self._made[wanted]


def _filled(text: bytes, block: int) -> bytes:
    """Repeat the text until it fills whole blocks; an empty text stays empty."""
    length = -(-len(text) // block) * block
    return (text * (length // len(text) + 1))[:length] if text else b""


def _sum(piece: bytes, step: int) -> bytes:
    bits = 8 * len(piece)
    return ((int.from_bytes(piece) + step) % (1 << bits)).to_bytes(len(piece))
