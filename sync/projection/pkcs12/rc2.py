"""The cipher RC2 in CBC mode, which old PKCS#12 bundles seal certificates with; decrypts only.

The cryptography package has it with keys of 128 bits alone, and those bundles have 40.
https://www.rfc-editor.org/rfc/rfc2268
"""

from collections.abc import Sequence
from itertools import batched

BLOCK = 8

_WORD = 0xFFFF
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
    """Decrypt whole blocks with a key of as many effective bits as it has."""
    if len(sealed) % BLOCK or len(start) != BLOCK:
        raise ValueError("no whole blocks")
    words, before, opened = _expanded(key), start, bytearray()
    for block in batched(sealed, BLOCK, strict=True):
        plain = _block(words, bytes(block))
        opened += bytes(a ^ b for a, b in zip(plain, before, strict=True))
        before = bytes(block)
    return bytes(opened)


def _expanded(key: bytes) -> Sequence[int]:
    made = bytearray(key)
    while len(made) < 128:  # noqa: PLR2004 - the cipher's own number
        made.append(_PI[(made[-1] + made[-len(key)]) & 0xFF])
    made[-len(key)] = _PI[made[-len(key)]]
    for at in reversed(range(len(made) - len(key))):
        made[at] = _PI[made[at + 1] ^ made[at + len(key)]]
    return [low | high << 8 for low, high in batched(made, 2, strict=True)]


def _block(words: Sequence[int], sealed: bytes) -> bytes:
    r = [int.from_bytes(sealed[at : at + 2], "little") for at in range(0, BLOCK, 2)]
    for turn in reversed(range(16)):
        for i in reversed(range(4)):
            n = _ROTATIONS[i]
            rotated = (r[i] >> n | r[i] << (16 - n)) & _WORD
            mixed = words[4 * turn + i] + (r[i - 1] & r[i - 2]) + (~r[i - 1] & r[i - 3])
            r[i] = (rotated - mixed) & _WORD
        if turn in {11, 5}:
            for i in reversed(range(4)):
                r[i] = (r[i] - words[r[i - 1] & 63]) & _WORD
    return b"".join(word.to_bytes(2, "little") for word in r)
