"""The values of the soak's secrets, and the keys that each must become.

Written from docs/secrets.md, without sharing code with the app.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from functools import lru_cache

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from local.key_vault import Version, new_certificate

MARKER = "plnt3dvalue2"  # 12 bytes, so that base64 of every value begins alike
SITE = "site"
PLAIN = tuple(f"plain-{number:02}" for number in range(9))
MOVING = tuple(f"moving-{number}" for number in range(2))
JSON = tuple(f"json-{number}" for number in range(2))
MAY_GO = (*PLAIN, *MOVING, *JSON)
NAMES = (*MAY_GO, SITE)

_WORD = "api"
_BUNDLE = ("qGSIb3DQEH", "KoZIhvcNAQcB", "kqhkiG9w0BBw")  # 1.2.840.113549.1.7, at any offset
_SHIFTED = (base64.b64encode(b"x" * shift + MARKER.encode())[4:16].decode() for shift in range(3))
_TRACES = (MARKER, *_SHIFTED, "PRIVATE KEY", *_BUNDLE)
_MEMBERS = ("USER", "PASSWORD")

type Keys = Mapping[tuple[str, str], bytes]
"""Contents by Secret and key."""


def secrets_of(own: str) -> tuple[str, ...]:
    """Return the names of the Secrets that the vault with that own Secret may write."""
    return own, f"{own}-{_WORD}", f"{own}-{SITE}"


def value(name: str) -> str:
    """Return a new value for a secret of that name; a leak of it can be found anywhere."""
    match name.partition("-")[0]:
        case "site":
            return new_certificate(name)
        case "json":
            return json.dumps({member: _planted() for member in _MEMBERS})
    return _planted()


def tags(name: str, *, moved: bool = False) -> Mapping[str, str]:
    """Return the tags for that name; some secrets can be moved to another Secret."""
    match name.partition("-")[0]:
        case "site":
            return {"k8s-type": "tls"}
        case "json":
            return {"k8s-expand": "json", "k8s-key": _prefix(name)}
        case "moving":
            return {"k8s-secret": _WORD} if moved else {"k8s-sync": "true"}
    return {}


def wanted(own: str, version: Version) -> Keys:
    """Return the keys in the cluster that an enabled version must become."""
    match version.name.partition("-")[0]:
        case "site":
            return {(f"{own}-{SITE}", key): pem for key, pem in _tls(version.value).items()}
        case "json":
            members: Mapping[str, str] = json.loads(version.value)
            return {
                (own, f"{_prefix(version.name)}_{member}"): text.encode()
                for member, text in members.items()
            }
    word = (version.tags or {}).get("k8s-secret")
    return {(f"{own}-{word}" if word else own, version.name): version.value.encode()}


def places(own: str, name: str) -> frozenset[tuple[str, str]]:
    """Return all keys that a secret of that name may ever have; no two names share one."""
    match name.partition("-")[0]:
        case "site":
            return frozenset((f"{own}-{SITE}", key) for key in ("tls.crt", "tls.key", "ca.crt"))
        case "json":
            return frozenset((own, f"{_prefix(name)}_{member}") for member in _MEMBERS)
    return frozenset(((own, name), (f"{own}-{_WORD}", name)))


def leaks(told: str) -> list[str]:
    """Return the text before each planted value, plain or in base64 at any offset.

    For a certificate: before its key, or before the name of a PKCS#12 part in the bundle.
    """
    found = (told.find(trace) for trace in _TRACES)
    return [told[max(0, place - 80) : place] for place in found if place >= 0]


def _planted() -> str:
    return f"{MARKER}{secrets.token_hex(8)}"


def _prefix(name: str) -> str:
    return name.replace("-", "_").upper()


@lru_cache(maxsize=64)
def _tls(bundle: str) -> Mapping[str, bytes]:
    """Order a bundle of `new_certificate`: the leaf and its issuer; the root; the key."""
    key, leaf, others = pkcs12.load_key_and_certificates(base64.b64decode(bundle), None)
    assert key is not None
    assert leaf is not None
    (issuer,) = (other for other in others if other.subject == leaf.issuer)
    (root,) = (other for other in others if other is not issuer)
    pem = Encoding.PEM
    return {
        "tls.crt": leaf.public_bytes(pem) + issuer.public_bytes(pem),
        "tls.key": key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption()),
        "ca.crt": root.public_bytes(pem),
    }
