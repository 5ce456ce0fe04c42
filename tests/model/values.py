"""Every value that a history ever set: unique, so that what is found in a Secret tells its age."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from local.key_vault import new_certificate

MARKER = "plnt3d"
"""What every value begins with or holds, a certificate's aside."""

BEFORE = datetime(2025, 12, 31, tzinfo=UTC)
"""When certificates become valid: before every history starts."""

CERTIFICATES = 8
"""How many certificates one process makes; a history has no more versions of certificates."""


class Shape(Enum):
    """What a value looks like."""

    PLAIN = "plain"
    JSON = "json"
    LOGIN = "login"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Made:
    """One version's value, and the parts that an expanded or typed Secret is to hold of it."""

    vault: str
    name: str
    """Lower-case."""
    ordinal: int
    second: int
    shape: Shape
    value: str = field(repr=False)
    parts: Mapping[str, bytes] = field(repr=False)


@dataclass(slots=True)
class Values:
    """The values of one history by what may be found of them in a Secret."""

    made: list[Made] = field(default_factory=list)
    _by_value: dict[str, Made] = field(default_factory=dict)
    _by_part: dict[bytes, Made] = field(default_factory=dict)
    _certificates: int = 0

    def make(self, vault: str, name: str, second: int, shape: Shape) -> Made | None:
        """Make the next value; None where no more certificates are at hand."""
        ordinal = len(self.made) + 1
        word = f"{MARKER}-{ordinal:04}"
        parts: Mapping[str, bytes]
        match shape:
            case Shape.PLAIN:
                value, parts = word, {}
            case Shape.JSON:
                value = f'{{"A": "{word}a", "B": "{word}b"}}'
                parts = {"A": f"{word}a".encode(), "B": f"{word}b".encode()}
            case Shape.LOGIN:
                value = f"{word}u:{word}p"
                parts = {"username": f"{word}u".encode(), "password": f"{word}p".encode()}
            case Shape.CERTIFICATE:
                if self._certificates == CERTIFICATES:
                    return None
                value, parts = _certificate(self._certificates)
                self._certificates += 1
        made = Made(vault, name.lower(), ordinal, second, shape, value, parts)
        self.made.append(made)
        self._by_value[value] = made
        self._by_part |= dict.fromkeys((value.encode(), *parts.values()), made)
        return made

    def behind(self, value: str) -> Made:
        """Return what a vault's value is."""
        return self._by_value[value]

    def found(self, data: bytes) -> Made | None:
        """Return what a key's bytes are a part of; None for what no vault ever held."""
        return self._by_part.get(data)


@cache
def _certificate(number: int) -> tuple[str, Mapping[str, bytes]]:
    """Make a certificate and what is to become of it: leaf and issuer, key, root."""
    value = new_certificate(f"{MARKER}{number}.example", made=BEFORE)
    bundle = load_pkcs12(b64decode(value), None)
    assert bundle.key is not None
    assert bundle.cert is not None
    leaf = bundle.cert.certificate
    others = {each.certificate.subject: each.certificate for each in bundle.additional_certs}
    issuer = others[leaf.issuer]
    return value, {
        ".crt": b"".join(each.public_bytes(Encoding.PEM) for each in (leaf, issuer)),
        ".key": bundle.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ".ca.crt": others[issuer.issuer].public_bytes(Encoding.PEM),
    }
