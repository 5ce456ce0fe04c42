"""A PKCS#12 bundle without a password to its keys and certificates, at a bounded cost.

The library's own reader does as many rounds of key derivation as the bundle asks for, up to
2,147,483,647, also for keys inside of what it has decrypted; and it looks for primes in numbers of
any size. Here each derivation is paid for out of one allowance.
https://www.rfc-editor.org/rfc/rfc7292
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from sync.projection.pkcs12.ber import INTEGER, SEQUENCE, Element, element
from sync.projection.pkcs12.rc2 import decrypt_rc2

MOST_ROUNDS = 2_000_000
"""Of hashing for one bundle: about 2 s. OpenSSL asks for 2,048 and Windows for 2,000 a derivation;
`openssl pkcs12 -export -iter 600000` makes 1.8 million of it."""

_DATA, _ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_PKCS5, _PKCS12 = "1.2.840.113549.1.5", "1.2.840.113549.1.12"
_KEY, _SHROUDED_KEY, _CERTIFICATE, _NESTED = (f"{_PKCS12}.10.1.{end}" for end in (1, 2, 3, 6))
_X509 = "1.2.840.113549.1.9.22.1"
_PBKDF2, _PBES2, _PBMAC1 = (f"{_PKCS5}.{end}" for end in (12, 13, 14))
_EXPLICIT, _IMPLICIT = 0xA0, 0x80

_HASHES = {
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
_OLD_CIPHERS = {
    f"{_PKCS12}.1.{end}": cipher
    for end, cipher in ((3, ("3des", 24)), (4, ("3des", 16)), (5, ("rc2", 16)), (6, ("rc2", 5)))
}
"""PKCS#12's own ways to encrypt: the cipher, and how many bytes its key has."""
_NEW_CIPHERS: Mapping[str, tuple[Callable[[bytes], BlockCipherAlgorithm], int]] = {
    "2.16.840.1.101.3.4.1.2": (AES, 16),
    "2.16.840.1.101.3.4.1.22": (AES, 24),
    "2.16.840.1.101.3.4.1.42": (AES, 32),
    "1.2.840.113549.3.7": (TripleDES, 24),
}
_LONGEST_KEY = 1024
_KEY_USE, _START_USE, _MAC_USE = 1, 2, 3
_NO_PASSWORDS = (b"", b"\0\0")
"""None at all, and an empty one, which old derivations tell apart."""


class TooDear(ValueError):
    """The bundle asks for more rounds than there are."""


class Locked(ValueError):
    """Neither no password nor an empty one opens it."""


@dataclass(slots=True)
class Contents:
    """The keys (PKCS#8) and certificates of a bundle, encoded, as they come."""

    keys: list[bytes] = field(default_factory=list, repr=False)
    certificates: list[bytes] = field(default_factory=list)


def open_pkcs12(encoded: bytes) -> Contents:
    """Read a bundle; raises Locked, TooDear, or ValueError or LookupError for what is none."""
    version, authenticated, *mac = element(encoded).parts()
    version.expect(INTEGER)
    content = _data(authenticated)
    allowance = _Allowance(MOST_ROUNDS)
    readers = [_Reader(password, allowance) for password in _NO_PASSWORDS]
    safes = element(content).parts()
    for reader in readers:
        if mac and not reader.verifies(mac[0], content):
            continue
        with suppress(Locked):
            return reader.contents(safes)
    raise Locked


@dataclass(slots=True)
class _Allowance:
    """The rounds that are left for a bundle."""

    rounds: int

    def spend(self, rounds: int) -> None:
        """Take so many; raises TooDear."""
        if rounds < 1:
            raise ValueError("no rounds")
        self.rounds -= rounds
        if self.rounds < 0:
            raise TooDear


@dataclass(frozen=True, slots=True)
class _Reader:
    """Opens what is in a bundle with one of the passwords that are none."""

    password: bytes
    allowance: _Allowance

    def contents(self, safes: Sequence[Element]) -> Contents:
        """Return all that the safes hold."""
        found = Contents()
        for safe in safes:
            kind, *_ = safe.parts()
            if kind.oid() == _DATA:
                self._take(element(_data(safe)), found)
            elif kind.oid() == _ENCRYPTED:
                self._take(element(self._unsealed(safe)), found)
        return found

    def verifies(self, mac: Element, content: bytes) -> bool:
        """Tell whether the bundle was sealed with this password."""
        stated, salt, *rounds = mac.parts()
        algorithm, digest = stated.parts()
        kind, *parameters = algorithm.parts()
        if kind.oid() == _PBMAC1:
            derivation, scheme = parameters[0].parts()
            key, name = self._pbkdf2(derivation, None), _HMACS[scheme.parts()[0].oid()]
        else:
            name = _HASHES[kind.oid()]
            count = rounds[0].number() if rounds else 1
            size = hashlib.new(name).digest_size
            key = self._derived(_MAC_USE, name, salt.octets(), count, size)
        return hmac.compare_digest(hmac.digest(key, content, name), digest.octets())

    def _take(self, safe: Element, found: Contents) -> None:
        for bag in safe.parts():
            kind, value, *_ = bag.parts()
            (held,) = value.parts(_EXPLICIT)
            if kind.oid() == _KEY:
                found.keys.append(held.raw)
            elif kind.oid() == _SHROUDED_KEY:
                algorithm, sealed = held.parts()
                found.keys.append(self._decrypted(algorithm, sealed.octets()))
            elif kind.oid() == _CERTIFICATE:
                form, encoded = held.parts()
                if form.oid() == _X509:
                    found.certificates.append(encoded.parts(_EXPLICIT)[0].octets())
            elif kind.oid() == _NESTED:
                self._take(held, found)

    def _unsealed(self, safe: Element) -> bytes:
        _, content = safe.parts()
        (encrypted,) = content.parts(_EXPLICIT)
        _, sealed, *_ = encrypted.parts()
        _, algorithm, octets = sealed.parts()
        return self._decrypted(algorithm, octets.octets(_IMPLICIT))

    def _decrypted(self, algorithm: Element, sealed: bytes) -> bytes:
        kind, parameters = algorithm.parts()
        if kind.oid() == _PBES2:
            opened = self._new(parameters, sealed)
        else:
            opened = self._old(kind.oid(), parameters, sealed)
        padding = opened[-1] if opened else 0
        if not 0 < padding <= len(opened) or opened[-padding:] != opened[-1:] * padding:
            raise Locked
        return opened[:-padding]

    def _new(self, parameters: Element, sealed: bytes) -> bytes:
        derivation, scheme = parameters.parts()
        kind, start = scheme.parts()
        cipher, size = _NEW_CIPHERS[kind.oid()]
        return _cbc(cipher(self._pbkdf2(derivation, size)), start.octets(), sealed)

    def _old(self, kind: str, parameters: Element, sealed: bytes) -> bytes:
        name, size = _OLD_CIPHERS[kind]
        salt, rounds = parameters.parts()
        stretched = ("sha1", salt.octets(), rounds.number())
        key = self._derived(_KEY_USE, *stretched, size)
        start = self._derived(_START_USE, *stretched, 8)
        if name == "rc2":
            return decrypt_rc2(key, start, sealed)
        return _cbc(TripleDES(key), start, sealed)

    def _pbkdf2(self, derivation: Element, size: int | None) -> bytes:
        """Derive a key by PKCS#5; the size is what is stated where it is not given."""
        kind, parameters = derivation.parts()
        if kind.oid() != _PBKDF2:
            raise ValueError("another derivation")
        salt, rounds, *more = parameters.parts()
        stated = [each.number() for each in more if each.tag == INTEGER]
        names = [_HMACS[each.parts()[0].oid()] for each in more if each.tag == SEQUENCE]
        name = names[0] if names else "sha1"
        size = size or stated[0]
        if size > _LONGEST_KEY:
            raise ValueError("no key is that long")
        self.allowance.spend(rounds.number() * -(-size // hashlib.new(name).digest_size))
        empty = self.password.rstrip(b"\0")  # which PKCS#5 does not tell from none
        return hashlib.pbkdf2_hmac(name, empty, salt.octets(), rounds.number(), size)

    def _derived(self, use: int, name: str, salt: bytes, rounds: int, size: int) -> bytes:
        """Derive a key as RFC 7292 says in appendix B."""
        digest, block = hashlib.new(name).digest_size, hashlib.new(name).block_size
        blocks = -(-size // digest)
        self.allowance.spend(rounds * blocks)
        one = getattr(hashlib, name)
        text = _filled(salt, block) + _filled(self.password, block)
        made = b""
        for _ in range(blocks):
            part = bytes([use]) * block + text
            for _ in range(rounds):
                part = one(part).digest()
            made += part
            step = int.from_bytes((part * block)[:block]) + 1
            pieces = (text[at : at + block] for at in range(0, len(text), block))
            text = b"".join(_sum(piece, step) for piece in pieces)
        return made[:size]


def _data(content: Element) -> bytes:
    kind, held = content.parts()
    if kind.oid() != _DATA:
        raise ValueError("signed, not sealed with a password")
    return held.parts(_EXPLICIT)[0].octets()


def _cbc(cipher: BlockCipherAlgorithm, start: bytes, sealed: bytes) -> bytes:
    opener = Cipher(cipher, CBC(start)).decryptor()
    return opener.update(sealed) + opener.finalize()


def _filled(text: bytes, block: int) -> bytes:
    """Repeat the text to whole blocks; of none there are none."""
    length = -(-len(text) // block) * block
    return (text * block)[:length]


def _sum(piece: bytes, step: int) -> bytes:
    bits = 8 * len(piece)
    return ((int.from_bytes(piece) + step) % (1 << bits)).to_bytes(len(piece))
