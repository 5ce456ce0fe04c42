"""Parses how the parts of a bundle are authenticated and encrypted."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from sync.projection.ber import INTEGER, SEQUENCE, Element
from sync.projection.pkcs12.derivation import Derivation, Keys, Pbkdf2, Rfc7292
from sync.projection.pkcs12.rc2 import decrypt_rc2

_PKCS5, _PKCS12 = "1.2.840.113549.1.5", "1.2.840.113549.1.12"
_PBKDF2, _PBES2, _PBMAC1 = (f"{_PKCS5}.{end}" for end in (12, 13, 14))
_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_HMACS = {
    f"1.2.840.113549.2.{end}": name
    for end, name in ((7, "sha1"), (8, "sha224"), (9, "sha256"), (10, "sha384"), (11, "sha512"))
}
_KEY_USE, _START_USE, _MAC_USE = 1, 2, 3
_SEALED = "sealed"

type _Decrypt = Callable[[bytes, bytes, bytes], bytes]
"""Decrypts, given the key, the initial vector and the ciphertext."""


def _cbc(algorithm: Callable[[bytes], BlockCipherAlgorithm]) -> _Decrypt:
    def decrypt(key: bytes, start: bytes, sealed: bytes) -> bytes:
        opener = Cipher(algorithm(key), CBC(start)).decryptor()
        return opener.update(sealed) + opener.finalize()

    return decrypt


_OLD_CIPHERS: Mapping[str, tuple[_Decrypt, int]] = {
    f"{_PKCS12}.1.3": (_cbc(TripleDES), 24),
    f"{_PKCS12}.1.4": (_cbc(TripleDES), 16),
    f"{_PKCS12}.1.5": (decrypt_rc2, 16),
    f"{_PKCS12}.1.6": (decrypt_rc2, 5),
}
"""PKCS#12's own ciphers, and the bytes of their keys."""
_NEW_CIPHERS: Mapping[str, tuple[_Decrypt, int]] = {
    "2.16.840.1.101.3.4.1.2": (_cbc(AES), 16),
    "2.16.840.1.101.3.4.1.22": (_cbc(AES), 24),
    "2.16.840.1.101.3.4.1.42": (_cbc(AES), 32),
    "1.2.840.113549.3.7": (_cbc(TripleDES), 24),
}


_TITLES = {
    f"{_PKCS12}.1.1": "RC4 with 128 bits",
    f"{_PKCS12}.1.2": "RC4 with 40 bits",
    f"{_PKCS5}.1": "DES with MD2",
    f"{_PKCS5}.3": "DES with MD5",
    f"{_PKCS5}.4": "RC2 with MD2",
    f"{_PKCS5}.6": "RC2 with MD5",
    f"{_PKCS5}.10": "DES with SHA-1",
    f"{_PKCS5}.11": "RC2 with SHA-1",
    "1.2.840.113549.2.5": "MD5",
    "1.2.840.113549.3.2": "RC2",
    "1.3.6.1.4.1.11591.4.11": "scrypt",
    "1.3.14.3.2.7": "DES",
    "2.16.840.1.101.3.4.1.6": "AES-GCM with 128 bits",
    "2.16.840.1.101.3.4.1.46": "AES-GCM with 256 bits",
    "1.2.840.113549.1.7.2": "signed data",
    "1.2.840.113549.1.7.3": "enveloped data, for the key of another certificate",
}


class UnknownAlgorithm(ValueError):
    """A part of the bundle is sealed by an algorithm that is not read.

    `use` says how; `title` is empty for an algorithm that has no name here.
    """

    def __init__(self, use: str, oid: str) -> None:
        super().__init__(oid)
        self.use, self.oid, self.title = use, oid, _TITLES.get(oid, "")


class Locked(ValueError):
    """The bundle opens neither with the empty password nor without one."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """Encrypted data; `start` is its initial vector, or how it is derived."""

    decrypt: _Decrypt
    key: Derivation
    start: Derivation | bytes
    sealed: bytes = field(repr=False)

    @property
    def derivations(self) -> Sequence[Derivation]:
        """The derivations that decrypt it."""
        return (self.key,) if isinstance(self.start, bytes) else (self.key, self.start)

    def opened(self, keys: Keys, password: bytes) -> bytes:
        """Decrypt it; raises Locked if it has another password."""
        start = self.start if isinstance(self.start, bytes) else keys.of(self.start, password)
        opened = self.decrypt(keys.of(self.key, password), start, self.sealed)
        padding = opened[-1] if opened else 0
        if not 0 < padding <= len(opened) or opened[-padding:] != opened[-1:] * padding:
            raise Locked
        return opened[:-padding]


@dataclass(frozen=True, slots=True)
class Seal:
    """The MAC over a bundle's content."""

    key: Derivation
    digest: str
    mac: bytes = field(repr=False)

    def verifies(self, keys: Keys, password: bytes, content: bytes) -> bool:
        """Return whether the MAC was made with this password."""
        made = hmac.digest(keys.of(self.key, password), content, self.digest)
        return hmac.compare_digest(made, self.mac)


def read_encrypted(algorithm: Element, sealed: bytes) -> Encrypted:
    """Read an encryption scheme; raises ValueError, UnknownAlgorithm for an unknown one."""
    kind, *more = algorithm.parts()
    scheme = None if kind.oid() == _PBES2 else _known(_OLD_CIPHERS, kind, "encrypted")
    (parameters,) = more
    if scheme is None:
        derivation, stated = parameters.parts()
        cipher, *rest = stated.parts()
        decrypt, size = _known(_NEW_CIPHERS, cipher, "encrypted")
        key = _pbkdf2(derivation, "encrypted", size)
        return Encrypted(decrypt, key, rest[0].octets(), sealed)
    decrypt, size = scheme
    salt, rounds = parameters.parts()
    stretched = ("sha1", salt.octets(), rounds.number())
    keys = Rfc7292(*stretched, size, _KEY_USE), Rfc7292(*stretched, 8, _START_USE)
    return Encrypted(decrypt, *keys, sealed)


def read_seal(mac: Element) -> Seal:
    """Read the MAC of a bundle; raises ValueError, UnknownAlgorithm for an unknown scheme."""
    stated, salt, *rounds = mac.parts()
    algorithm, digest = stated.parts()
    kind, *parameters = algorithm.parts()
    if kind.oid() == _PBMAC1:
        derivation, scheme = parameters[0].parts()
        name = _known(_HMACS, scheme.parts()[0], _SEALED)
        return Seal(_pbkdf2(derivation, _SEALED), name, digest.octets())
    name = _known(_DIGESTS, kind, _SEALED)
    count = rounds[0].number() if rounds else 1
    key = Rfc7292(name, salt.octets(), count, hashlib.new(name).digest_size, _MAC_USE)
    return Seal(key, name, digest.octets())


def _pbkdf2(derivation: Element, use: str, size: int | None = None) -> Pbkdf2:
    """Read a derivation by PKCS#5; without a given size, the key has the stated one."""
    kind, *parameters = derivation.parts()
    _known({_PBKDF2: ""}, kind, use)
    salt, rounds, *more = parameters[0].parts()
    stated = [each.number() for each in more if each.tag == INTEGER]
    names = [_known(_HMACS, each.parts()[0], use) for each in more if each.tag == SEQUENCE]
    name = names[0] if names else "sha1"
    return Pbkdf2(name, salt.octets(), rounds.number(), stated[0] if size is None else size)


def _known[T](algorithms: Mapping[str, T], kind: Element, use: str) -> T:
    """Return what is known of an algorithm; raises UnknownAlgorithm."""
    oid = kind.oid()
    if oid not in algorithms:
        raise UnknownAlgorithm(use, oid)
    return algorithms[oid]
