"""Reads the secret of a certificate: its key, chain and authority, all as PEM."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sync.core.outcomes import Notice
from sync.projection import certificate_faults as faults
from sync.projection.ber import SEQUENCE
from sync.projection.budget import BudgetSpent, ParseBudget
from sync.projection.certificate_faults import MOST_CERTIFICATES, PEM, PKCS12, Fault
from sync.projection.certificate_warnings import warnings_of
from sync.projection.chains import Chain, NeedsOdd, TooManyChecks, find_chain
from sync.projection.held_certificates import ODD, Held, read_certificate
from sync.projection.key_algorithms import OddKey
from sync.projection.pem import BEGIN, block, blocks, mended
from sync.projection.pkcs12.bundle import (
    MOST_ROUNDS,
    MOST_ROUNDS_AT_ONCE,
    Contents,
    TooManyRounds,
    open_pkcs12,
)
from sync.projection.pkcs12.schemes import Locked, UnknownAlgorithm
from sync.projection.private_keys import LockedKey, PrivateKey, read_private_key
from sync.projection.text_marks import without_mark

_CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_KEY_LABEL, _CURVE_LABEL = "PRIVATE KEY", "EC PARAMETERS"
_MOST_KEYS = 4
"""Keys that are loaded to see whether they are one key in several encodings."""


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
    warnings: tuple[Notice, ...] = ()


@dataclass(slots=True)
class _Parts:
    """What a value holds; a certificate that is none at all is only its number, from 1."""

    key: PrivateKey
    certificates: list[Held] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)


def read_bundle(  # noqa: PLR0913 - a value, what is said of it, and two settings
    name: str,
    text: str,
    content_type: str,
    budget: ParseBudget,
    *,
    keep_root: bool,
    root_only: bool = False,
) -> Bundle:
    """Read a PEM bundle, or a PKCS#12 bundle in base64 without a password; raises Permanent.

    The order of the certificates does not matter. Those outside the leaf's chain are dropped, with
    a warning; expired ones are kept. With `root_only` an intermediate is no authority.
    """
    text = mended(without_mark(text))
    is_pem = content_type == PEM or (content_type != PKCS12 and BEGIN in text)
    found = _read_pem(text) if is_pem else _read_pkcs12(text, budget)
    chain = found if isinstance(found, Fault) else _chain(found)
    if isinstance(found, Fault) or isinstance(chain, Fault):
        raise (chain if isinstance(chain, Fault) else faults.UNREADABLE).of(name)
    alone = len(chain.links) == 1
    served = chain.links if keep_root or alone or not chain.is_rooted else chain.links[:-1]
    without = not chain.is_rooted and (alone or root_only)
    authority = None if without else chain.top
    return Bundle(
        certificate=b"".join(block("CERTIFICATE", each.der) for each in served),
        key=block(_KEY_LABEL, found.key.der),
        authority=None if authority is None else block("CERTIFICATE", authority.der),
        warnings=tuple(warnings_of(name, chain, served, authority, found.damaged)),
    )


def as_text_of_pkcs12(value: bytes) -> str | None:
    """Return a PKCS#12 bundle that is not in base64 as `read_bundle` takes it, None if it is text.

    A bundle is never UTF-8: the length of its first element is no character.
    """
    if value[:1] != bytes([SEQUENCE]):
        return None
    try:
        value.decode()
    except UnicodeDecodeError:
        return b64encode(value).decode()
    return None


def _chain(parts: _Parts) -> Chain | Fault:
    try:
        chain = find_chain(parts.key.public, parts.certificates)
    except TooManyChecks:
        return faults.CROWDED
    except NeedsOdd as needs:
        return faults.needs_odd(needs.odd)
    if chain is None:
        if parts.damaged:
            return faults.damaged(parts.damaged[0], None)
        numbers = parts.key.public.numbers
        twins = [each for each in parts.certificates if each.key and each.key.numbers == numbers]
        return faults.mismatched(parts.key.public, twins)
    if parts.damaged and not chain.is_rooted and len(chain.links) == 1:
        return faults.damaged(parts.damaged[0], chain.top)
    return chain


def _read_pkcs12(text: str, budget: ParseBudget) -> _Parts | Fault:
    der, found = None, Contents()
    try:
        der = b64decode("".join(text.split()), validate=True)
        found = open_pkcs12(der, budget)
    except Locked:
        return faults.ENCRYPTED
    except TooManyRounds:
        return faults.too_many_rounds(MOST_ROUNDS_AT_ONCE, MOST_ROUNDS)
    except BudgetSpent:
        return faults.POSTPONED
    except UnknownAlgorithm as unknown:
        return faults.unknown_algorithm(unknown.use, unknown.oid, unknown.title)
    except ODD:
        return faults.unreadable(text, der)
    return _parts(found.keys, found.certificates)


def _read_pem(text: str) -> _Parts | Fault:
    found = list(blocks(text))
    keys = [each for each in found if each.label.endswith(_KEY_LABEL)]
    if not found or (not keys and all(each.der is None for each in found)):
        return faults.unreadable(text, None)
    if any(each.locked for each in keys):
        return faults.ENCRYPTED
    ders = [each.der for each in keys if each.der is not None]
    if len(ders) < len(keys):
        return faults.key_block_damaged(next(each.label for each in keys if each.der is None))
    curves = [each.der for each in found if each.label == _CURVE_LABEL]
    certificates = [
        each.der for each in found if each.label in _CERTIFICATE_LABELS or not each.label
    ]
    if ders and keys[0].label.startswith("OPENSSH"):
        return faults.key_block_damaged(keys[0].label)
    return _parts(ders, certificates, curves[0] if len(curves) == 1 else None)


def _parts(
    keys: Sequence[bytes], certificates: Sequence[bytes | None], curve: bytes | None = None
) -> _Parts | Fault:
    if len(certificates) > MOST_CERTIFICATES:
        return faults.CROWDED
    held, damaged = _certificates(certificates)
    if not keys:
        is_store = held and all(each.is_authority for each in held)
        return faults.TRUST_STORE if is_store else faults.KEYLESS
    key = _key(keys, curve)
    return key if isinstance(key, Fault) else _Parts(key, held, damaged)


def _certificates(ders: Iterable[bytes | None]) -> tuple[list[Held], list[int]]:
    held, damaged = list[Held](), list[int]()
    for number, der in enumerate(ders, 1):
        try:
            held.append(read_certificate(b"" if der is None else der))
        except ODD:
            damaged.append(number)
    return held, damaged


def _key(ders: Iterable[bytes], curve: bytes | None) -> PrivateKey | Fault:
    """Return the only key, which may be there several times, in whatever encodings."""
    found: list[PrivateKey] = []
    several = list(islice(dict.fromkeys(ders), _MOST_KEYS + 1))
    if len(several) > _MOST_KEYS:
        return faults.AMBIGUOUS
    for der in several:
        try:
            found.append(read_private_key(der, curve))
        except LockedKey:
            return faults.ENCRYPTED
        except OddKey as odd:
            return faults.key_odd(odd.fault)
        except ODD:
            return faults.KEY_DAMAGED
    first, *others = found
    return first if all(each.public == first.public for each in others) else faults.AMBIGUOUS
