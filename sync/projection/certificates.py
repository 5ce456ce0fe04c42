"""Reads the secret of a certificate: its key, chain and authority, all as PEM."""

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificate

from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.projection.budget import BudgetSpent, ParseBudget
from sync.projection.chains import ODD, TooManyChecks, chain_of, is_self_signed
from sync.projection.pkcs12.bundle import (
    MOST_ROUNDS,
    MOST_ROUNDS_AT_ONCE,
    Contents,
    TooManyRounds,
    open_pkcs12,
)
from sync.projection.pkcs12.schemes import Locked
from sync.projection.private_keys import load_private_key

_PKCS12 = "application/x-pkcs12"
_PEM = "application/x-pem-file"
_MOST_CERTIFICATES = 32
_BEGIN = "-----BEGIN "
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----).)*-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_KEY_LABEL = "PRIVATE KEY"
_PEM_LINES = re.compile(r"-----[^-]*-----|\s+")
_MAKE_ANEW = "export it anew with the usual number of them: openssl pkcs12 -export -iter 2048"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The contents of a certificate's secret, as PEM.

    `certificate` is the leaf followed by its issuers, each signed by the next. `key` is unencrypted
    PKCS#8. `authority` is the root, or the last issuer of a bundle without a root. A self-signed
    leaf is its own authority; a leaf without its issuer has none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes | None


type _Parts = tuple[PrivateKeyTypes, list[Certificate]]


class _Fault(NamedTuple):
    """Why a bundle is refused; `text` continues a sentence that begins with its name."""

    reason: Reason
    text: str


_ENCRYPTED = _Fault(
    Reason.CERTIFICATE_ENCRYPTED,
    "is locked by a password, or damaged: import it as a certificate, which takes the password "
    "off, or set it without one.",
)
_TOO_MANY_ROUNDS = _Fault(
    Reason.CERTIFICATE_UNREADABLE,
    f"asks for more than {MOST_ROUNDS_AT_ONCE:,} rounds of key derivation at once, or "
    f"{MOST_ROUNDS:,} in all: {_MAKE_ANEW}.",
)
_POSTPONED = _Fault(
    Reason.CERTIFICATE_POSTPONED,
    "was not opened: the certificates of its vault ask for more rounds of key derivation than one "
    f"pass does. It is tried again within the hour. To have it at once, {_MAKE_ANEW}.",
)
_CROWDED = _Fault(
    Reason.CERTIFICATE_UNREADABLE,
    f"comes with more than {_MOST_CERTIFICATES} certificates, or with too many that have the same "
    "name: import it with its own chain alone.",
)
_MISMATCHED = _Fault(
    Reason.CERTIFICATE_MISMATCH,
    "holds no certificate that belongs to its private key: import the two that belong together.",
)
_KEYLESS = _Fault(
    Reason.CERTIFICATE_KEY_MISSING,
    "comes without its private key: make a new version under a policy whose key is exportable.",
)
_AMBIGUOUS = _Fault(
    Reason.CERTIFICATE_KEY_AMBIGUOUS,
    "holds several private keys: import it with its own alone.",
)
_UNREADABLE = _Fault(
    Reason.CERTIFICATE_UNREADABLE,
    "is neither a PEM bundle nor the base64 of a PKCS#12 one, or not what its content type "
    f"({_PEM} or {_PKCS12}) says: set it anew.",
)


def read_bundle(
    name: str, text: str, content_type: str, budget: ParseBudget, *, keep_root: bool
) -> Bundle:
    """Read a PEM bundle, or a PKCS#12 bundle in base64 without a password; raises Permanent.

    The order of the certificates does not matter. Those outside the leaf's chain are dropped;
    expired ones are kept.
    """
    is_pem = content_type == _PEM or (content_type != _PKCS12 and _BEGIN in text)
    key, certificates = _read_pem(name, text) if is_pem else _read_pkcs12(name, text, budget)
    chain: list[Certificate] = []
    fault = _MISMATCHED
    try:
        chain = chain_of(key, certificates)
    except TooManyChecks:
        fault = _CROWDED
    if not chain:
        raise _refusal(name, fault)
    top = chain[-1].public_bytes(Encoding.PEM)
    alone, rooted = len(chain) == 1, is_self_signed(chain[-1])
    served = chain if keep_root or alone or not rooted else chain[:-1]
    return Bundle(
        certificate=b"".join(each.public_bytes(Encoding.PEM) for each in served),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        authority=None if alone and not rooted else top,
    )


def _read_pkcs12(name: str, text: str, budget: ParseBudget) -> _Parts:
    found, fault = Contents(), _UNREADABLE
    try:
        found = open_pkcs12(b64decode("".join(text.split()), validate=True), budget)
    except Locked:
        fault = _ENCRYPTED
    except TooManyRounds:
        fault = _TOO_MANY_ROUNDS
    except BudgetSpent:
        fault = _POSTPONED
    except (LookupError, *ODD):
        pass
    else:
        fault = _KEYLESS
    keys = set(found.keys)  # raises outside the except clauses, whose errors may quote the value
    if not keys:
        raise _refusal(name, fault)
    if len(keys) > 1:
        raise _refusal(name, _AMBIGUOUS)
    return _loaded(name, keys.pop(), found.certificates, load_der_x509_certificate)


def _read_pem(name: str, text: str) -> _Parts:
    blocks = [(found[1], found[0]) for found in _BLOCK.finditer(text.replace("\\n", "\n"))]
    if not blocks or len(blocks) != text.count(_BEGIN):
        raise _refusal(name, _UNREADABLE)
    keys = {block for label, block in blocks if label.endswith(_KEY_LABEL)}
    if not keys:
        raise _refusal(name, _KEYLESS)
    if any("ENCRYPTED" in block for block in keys):
        raise _refusal(name, _ENCRYPTED)
    if len(keys) > 1:
        raise _refusal(name, _AMBIGUOUS)
    certificates = [  # what ASCII cannot encode is not base64 either
        block.encode(errors="replace") for label, block in blocks if label in _CERTIFICATE_LABELS
    ]
    return _loaded(name, keys.pop(), certificates, load_pem_x509_certificate)


def _loaded(
    name: str,
    key: str | bytes,
    certificates: Sequence[bytes],
    load: Callable[[bytes], Certificate],
) -> _Parts:
    """Load a key, as PEM or DER, and its certificates."""
    if len(certificates) > _MOST_CERTIFICATES:
        raise _refusal(name, _CROWDED)
    with suppress(LookupError, *ODD):
        der = key if isinstance(key, bytes) else b64decode(_PEM_LINES.sub("", key), validate=True)
        return load_private_key(der), [load(each) for each in certificates]
    raise _refusal(name, _UNREADABLE)


def _refusal(name: str, fault: _Fault) -> Permanent:
    return Permanent(fault.reason, f"Certificate {name!r} {fault.text}")
