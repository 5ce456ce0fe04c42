"""PKCS#12 bundles part by part, such as nobody's tool writes among them."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sync.projection.pkcs12.bundle import MOST_ROUNDS_AT_ONCE
from tests.kit.chains import chain_of, oid, safe_data, sequence, tlv

CHAIN = chain_of("P-256", 2)
KEY = CHAIN.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
LEAF, ROOT = (each.public_bytes(Encoding.DER) for each in CHAIN.certificates)
ENDLESS = 2**31 - 1
SALT, START = b"8 bytes.", b"an iv: 16 bytes."

_PKCS5, _PKCS7, _PKCS12 = ("2a864886f70d01" + arc for arc in ("05", "07", "0c"))
_BAG = _PKCS12 + "0a01"
NULL = tlv(0x05)


def number(value: int) -> bytes:
    """Write a number."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def pbkdf2(rounds: int) -> bytes:
    """Write how a key is derived: PBKDF2 with HMAC-SHA-256."""
    prf = sequence(oid("2a864886f70d0209"), NULL)
    return sequence(oid(_PKCS5 + "0c"), sequence(tlv(0x04, SALT), number(rounds), prf))


@cache
def password_key(rounds: int) -> bytes:
    """Derive the key of no password; for more rounds than anybody does it is a wrong one."""
    return hashlib.pbkdf2_hmac(
        "sha256", b"", SALT, rounds if rounds <= MOST_ROUNDS_AT_ONCE else 1, 32
    )


def sealed(content: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Encrypt without a password, as OpenSSL does by now; the algorithm and what comes of it."""
    padding = 16 - len(content) % 16
    encryptor = Cipher(AES(password_key(rounds)), CBC(START)).encryptor()
    cipher = sequence(oid("60864801650304012a"), tlv(0x04, START))
    algorithm = sequence(oid(_PKCS5 + "0d"), sequence(pbkdf2(rounds), cipher))
    return algorithm, encryptor.update(content + bytes([padding]) * padding)


def bag(end: int, held: bytes) -> bytes:
    """Write a bag."""
    return sequence(oid(_BAG + f"{end:02x}"), tlv(0xA0, held))


def shrouded(rounds: int) -> bytes:
    """Write the key, encrypted."""
    algorithm, octets = sealed(KEY, rounds)
    return bag(2, sequence(algorithm, tlv(0x04, octets)))


def certificate(der: bytes) -> bytes:
    """Write a certificate's bag."""
    return bag(3, sequence(oid("2a864886f70d01091601"), tlv(0xA0, tlv(0x04, der))))


def encrypted(bags: Sequence[bytes], rounds: int) -> bytes:
    """Write a safe whose bags are encrypted."""
    algorithm, octets = sealed(sequence(*bags), rounds)
    content = sequence(oid(_PKCS7 + "01"), algorithm, tlv(0x80, octets))
    return sequence(oid(_PKCS7 + "06"), tlv(0xA0, sequence(number(0), content)))


def bundle(*safes: bytes, mac: bytes = b"") -> bytes:
    """Write a bundle."""
    return sequence(number(3), safe_data(sequence(*safes)), mac)


def plain(*bags: bytes) -> bytes:
    """Write a safe whose bags are not encrypted."""
    return safe_data(sequence(*bags))


def old_mac(rounds: int) -> bytes:
    """Write a seal that nothing has."""
    digest = sequence(sequence(oid("2b0e03021a"), NULL), tlv(0x04, b"0" * 20))
    return sequence(digest, tlv(0x04, SALT), number(rounds))


def new_mac(rounds: int, length: int = 32) -> bytes:
    """Write another one, of the kind of RFC 9579."""
    prf = sequence(oid("2a864886f70d0209"), NULL)
    derivation = sequence(
        oid(_PKCS5 + "0c"), sequence(tlv(0x04, SALT), number(rounds), number(length), prf)
    )
    kind = sequence(oid(_PKCS5 + "0e"), sequence(derivation, prf))
    return sequence(sequence(kind, tlv(0x04, b"0" * 32)), tlv(0x04, SALT), number(1))


def old_key(rounds: int, scheme: int) -> bytes:
    """Write a key that is encrypted as PKCS#12 of old does."""
    kind = oid(_PKCS12 + f"01{scheme:02x}")
    algorithm = sequence(kind, sequence(tlv(0x04, SALT), number(rounds)))
    return bag(2, sequence(algorithm, tlv(0x04, b"0" * 64)))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "the seal": lambda: bundle(plain(bag(1, KEY)), mac=old_mac(ENDLESS)),
    "the newer seal": lambda: bundle(plain(bag(1, KEY)), mac=new_mac(ENDLESS)),
    "certificates": lambda: bundle(encrypted([certificate(LEAF)], ENDLESS), plain(bag(1, KEY))),
    "the key": lambda: bundle(plain(shrouded(ENDLESS), certificate(LEAF))),
    "the key, triple DES": lambda: bundle(plain(old_key(ENDLESS, 3))),
    "the key, RC2": lambda: bundle(plain(old_key(ENDLESS, 6))),
    "a key within what is encrypted": lambda: bundle(
        encrypted([shrouded(ENDLESS), certificate(LEAF)], 1)
    ),
    "a bag within bags": lambda: bundle(
        encrypted([bag(6, sequence(bag(6, sequence(shrouded(ENDLESS)))))], 1)
    ),
    "many together": lambda: bundle(
        *[encrypted([certificate(LEAF)], 600_000)] * 5, plain(bag(1, KEY))
    ),
    "beyond any machine's number": lambda: bundle(plain(shrouded(2**100))),
}
