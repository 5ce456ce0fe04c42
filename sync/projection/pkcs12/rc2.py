"""Decrypts RC2 in CBC mode, with which old PKCS#12 bundles encrypt certificates.

The cryptography package supports only keys of 128 bits, and those bundles use 40. All blocks are
decrypted together, which is 50 times as fast in Python as one by one: four long integers hold the
four words of every block, each word in a lane of 32 bits.
https://www.rfc-editor.org/rfc/rfc2268
"""

from collections.abc import Sequence
from itertools import batched

BLOCK = 8

_LANE = 4  # bytes: a word, and room for what is carried
_WORD = 0xFFFF
_INDEX = 63
_CARRY = 1 << 18  # more than the three words that are subtracted at once, and no part of a word
_ROTATIONS = (1, 2, 3, 5)
_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


def decrypt_rc2(key: bytes, start: bytes, sealed: bytes) -> bytes:
    """Decrypt whole blocks; all bits of the key are effective. Raises ValueError."""
    if len(sealed) % BLOCK or len(start) != BLOCK:
        raise ValueError("no whole blocks")
    before = start + sealed[:-BLOCK]
    plain = _decrypted(_expanded(key), sealed)
    size = len(sealed)
    return (int.from_bytes(plain) ^ int.from_bytes(before[:size])).to_bytes(size)


def _expanded(key: bytes) -> Sequence[int]:
    made = bytearray(key)
    while len(made) < 128:  # noqa: PLR2004 - the cipher's own number
        made.append(_PI[(made[-1] + made[-len(key)]) & 0xFF])
    made[-len(key)] = _PI[made[-len(key)]]
    for at in reversed(range(len(made) - len(key))):
        made[at] = _PI[made[at + 1] ^ made[at + len(key)]]
    return [low | high << 8 for low, high in batched(made, 2, strict=True)]


def _decrypted(words: Sequence[int], sealed: bytes) -> bytes:
    ones = int.from_bytes((b"\1" + bytes(_LANE - 1)) * (len(sealed) // BLOCK), "little")
    mask, carry = ones * _WORD, ones * _CARRY
    tables = [bytes(word >> shift & 0xFF for word in words).ljust(256) for shift in (0, 8)]
    r = [_lanes(sealed, at) for at in range(0, BLOCK, 2)]
    for turn in reversed(range(16)):
        for i in reversed(range(4)):
            n = _ROTATIONS[i]
            rotated = (r[i] >> n | r[i] << (16 - n)) & mask
            mixed = ones * words[4 * turn + i] + (r[i - 1] & r[i - 2]) + (~r[i - 1] & r[i - 3])
            r[i] = (rotated + carry - mixed) & mask
        if turn in {11, 5}:
            for i in reversed(range(4)):
                index = (r[i - 1] & ones * _INDEX).to_bytes(len(sealed) // 2, "little")
                low, high = (int.from_bytes(index.translate(t), "little") for t in tables)
                looked_up = low & ones * 0xFF | (high & ones * 0xFF) << 8
                r[i] = (r[i] + carry - looked_up) & mask
    plain = bytearray(len(sealed))
    for at, word in zip(range(0, BLOCK, 2), r, strict=True):
        lanes = word.to_bytes(len(sealed) // 2, "little")
        plain[at::BLOCK], plain[at + 1 :: BLOCK] = lanes[::_LANE], lanes[1::_LANE]
    return bytes(plain)


def _lanes(sealed: bytes, at: int) -> int:
    """Return the word at that place of each block, each in its lane."""
    lanes = bytearray(len(sealed) // 2)
    lanes[::_LANE], lanes[1::_LANE] = sealed[at::BLOCK], sealed[at + 1 :: BLOCK]
    return int.from_bytes(lanes, "little")
