"""Vault secrets to the Secrets they should become: which are in, where each goes, as which keys."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256

from sync.core.annotation import SECRET_NAME
from sync.core.errors import Permanent, excerpt
from sync.core.model import ListedSecret, Target, VaultSecret
from sync.core.reasons import Reason
from sync.projection.certificates import read_bundle
from sync.projection.formats import as_text, decoded, joined, members
from sync.projection.secret_types import typed
from sync.projection.tags import Format, SecretType, TagOptions, is_tagged, read_tags

_DATA_KEY = re.compile(r"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{1,253}", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NO_ENVIRONMENT_NAME = re.compile(r"[^A-Za-z0-9_]", re.ASCII)
_VAULTS_OWN = re.compile(r"keyvault-(?:project|[1-9][0-9]?)")
_MARK_DIGITS = 8
TAGGED = "t"
"""What the mark of a placement begins with whose keys are as they are because of tags."""
_COMMON = "common"
_STAGES = (_COMMON, "dev", "stg", "prod")


class KeyStyle(StrEnum):
    """How a key is made of a name: as Key Vault spells it, or as an environment variable's name."""

    VERBATIM = "verbatim"
    ENV = "env"


class StagePrefixes(StrEnum):
    """Whether prefixes of names mean stages, and whether keys keep them."""

    NONE = "none"
    KEEP = "keep"
    STRIP = "strip"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shell pattern over names, in any case, or over the value of a tag."""

    glob: str
    tag: str | None = None

    def matches(self, name: str, tags: Mapping[str, str]) -> bool:
        """Tell whether a vault secret is meant."""
        if self.tag is None:
            return fnmatchcase(name.lower(), self.glob.lower())
        return self.tag in tags and fnmatchcase(tags[self.tag], self.glob)

    def __str__(self) -> str:
        return self.glob if self.tag is None else f"tag:{self.tag}={self.glob}"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a vault secret goes and what becomes of its value.

    `key` is the one key it becomes, None where only its value can tell. `mark` changes with
    whatever else may change the keys.
    """

    secret: str
    type: SecretType | None
    key: str | None
    base: str
    wish: TagOptions
    content_type: str
    fingerprint: str
    tagged: bool


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why a vault secret is in no Secret although nothing is wrong with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the platform decides; `names` are patterns of Secrets that tags may name outright."""

    style: KeyStyle = KeyStyle.VERBATIM
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    stages: StagePrefixes = StagePrefixes.NONE
    names: tuple[str, ...] = ()
    keep_root: bool = False

    def reads(self, tag: str) -> bool:
        """Tell whether any rule looks at tags of that name."""
        named = (pattern.tag for pattern in (*self.include, *self.exclude))
        return is_tagged({tag: ""}) or tag in named

    def place(
        self, target: Target, name: str, tags: Mapping[str, str], content_type: str
    ) -> Placement | Excluded:
        """Find where an enabled vault secret goes; raises Permanent for tags that are wrong.

        `target` is the Secret of the vault itself.
        """
        left_out = self._left_out(target.vault.stage, name, tags)
        if left_out is not None:
            return left_out
        wish, tagged = read_tags(name, tags), is_tagged(tags)
        if not wish.sync:
            return Excluded("its tag k8s-sync is false")
        base = self._stripped(target.vault.stage, name)
        single = wish.expand is None and wish.type is None
        key = (wish.key or self._styled(base)) if single else None
        if key is not None:
            _check_key(name, key)
        untouched = key == name and wish.encoding is None
        kind = content_type if wish.type is SecretType.TLS or wish.expand else ""
        shape = (key, base, self.style, wish.key, wish.expand, wish.path, wish.encoding)
        digest = sha256(repr((*shape, wish.type, kind, self.keep_root)).encode()).hexdigest()
        return Placement(
            secret=self._secret(target, name, wish),
            type=wish.type,
            key=key,
            base=base,
            wish=wish,
            content_type=content_type,
            fingerprint="" if untouched else (TAGGED if tagged else "") + digest[:_MARK_DIGITS],
            tagged=tagged,
        )

    def render(self, placement: Placement, secret: VaultSecret) -> Mapping[str, bytes]:
        """Return the keys that a value becomes; raises Permanent, which names no part of it."""
        wish, name = placement.wish, secret.name
        if placement.key is not None:
            return {placement.key: decoded(name, secret.value, wish.encoding)}
        if placement.type is SecretType.TLS:
            return self._tls(name, secret.value, placement)
        if placement.type is not None:
            return typed(name, placement.type, decoded(name, secret.value, wish.encoding))
        if wish.expand is Format.CERTIFICATE:
            return self._certificate(name, secret.value, placement)
        return self._expanded(name, secret.value, placement)

    def warnings(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Return what is odd about a vault secret's keys, but no reason to leave them out."""
        if self.style is not KeyStyle.ENV:
            return ()
        return tuple(
            f"Key {key!r} of secret {name!r} is no name of an environment variable: name another "
            "by its tag k8s-key."
            for key in keys
            if not _ENVIRONMENT_NAME.fullmatch(key)
        )

    def _left_out(self, stage: str, name: str, tags: Mapping[str, str]) -> Excluded | None:
        if self.include and not any(pattern.matches(name, tags) for pattern in self.include):
            return Excluded("SYNC_INCLUDE does not name it")
        for pattern in self.exclude:
            if pattern.matches(name, tags):
                return Excluded(f"SYNC_EXCLUDE names it ({pattern})")
        of = self._stage_of(stage, name)
        return (
            None if of in {None, _COMMON, stage} else Excluded(f"it is of stage {of}, not {stage}")
        )

    def _stage_of(self, stage: str, name: str) -> str | None:
        """Return the stage that a name's prefix means, `common` for all of them."""
        if self.stages is StagePrefixes.NONE:
            return None
        prefix, dash, rest = name.lower().partition("-")
        return prefix if dash and rest and prefix in {*_STAGES, stage} else None

    def _stripped(self, stage: str, name: str) -> str:
        prefix = self._stage_of(stage, name)
        if prefix is None or self.stages is not StagePrefixes.STRIP:
            return name
        return name[len(prefix) + 1 :]

    def _styled(self, key: str) -> str:
        if self.style is KeyStyle.VERBATIM:
            return key
        return _NO_ENVIRONMENT_NAME.sub("_", key).upper()

    def _secret(self, target: Target, name: str, wish: TagOptions) -> str:
        word = wish.secret or (name.lower() if wish.type else None)
        if word is None:
            return target.secret
        if _VAULTS_OWN.fullmatch(word):
            raise Permanent(
                Reason.TAG_WRONG,
                f"Secret {name!r}: its tag k8s-secret asks for {word!r}, which is a vault's own "
                "Secret: choose another name.",
            )
        named = any(fnmatchcase(word, pattern) for pattern in self.names)
        secret = word if named else f"{target.secret}-{word}"
        if not SECRET_NAME.fullmatch(secret):
            raise Permanent(
                Reason.TAG_WRONG,
                f"Secret {name!r}, tagged k8s-type, cannot be kept in a Secret of its own name: "
                "name one by the tag k8s-secret.",
            )
        return secret

    def _tls(self, name: str, value: str, placement: Placement) -> Mapping[str, bytes]:
        text = as_text(name, decoded(name, value, placement.wish.encoding))
        bundle = read_bundle(name, text, placement.content_type, keep_root=self.keep_root)
        authority = {} if bundle.authority is None else {"ca.crt": bundle.authority}
        return {"tls.crt": bundle.certificate, "tls.key": bundle.key, **authority}

    def _certificate(self, name: str, value: str, placement: Placement) -> Mapping[str, bytes]:
        bundle = read_bundle(name, value, placement.content_type, keep_root=self.keep_root)
        parts = {".crt": bundle.certificate, ".key": bundle.key, ".ca.crt": bundle.authority}
        base = placement.wish.key or self._styled(placement.base)
        return _checked(
            name,
            [(base + self._styled(end), part) for end, part in parts.items() if part is not None],
        )

    def _expanded(self, name: str, value: str, placement: Placement) -> Mapping[str, bytes]:
        wish = placement.wish
        if wish.expand is None or wish.expand is Format.CERTIFICATE:
            raise TypeError("no object to expand")
        text = as_text(name, decoded(name, value, wish.encoding))
        found = members(name, text, wish.expand, wish.path)
        if not found:
            raise Permanent(
                Reason.VALUE_NOT_OF_FORMAT,
                f"Secret {name!r}, tagged k8s-expand {wish.expand}, has no members: set a new "
                "version of it that has, or leave it out by its tag k8s-sync.",
            )
        if found.keys() == {()}:
            only = wish.key or self._styled(placement.base)
            return _checked(name, [(only, found[()].encode())])
        return _checked(
            name,
            [
                (joined(wish.key, (self._styled(joined(None, parts)),)), leaf.encode())
                for parts, leaf in found.items()
            ],
        )


DEFAULT_RULES = Rules()
"""Those of a platform that decides nothing: each enabled secret is one key of its name."""


def latest(listing: Iterable[ListedSecret]) -> Mapping[str, ListedSecret]:
    """Return the secrets by name.

    Names that differ only in case are one secret to Key Vault, which may list it twice; the latest
    spelling stays, whatever the order of the listing.
    """
    found: dict[str, ListedSecret] = {}
    for secret in sorted(listing, key=lambda secret: (secret.updated, secret.name)):
        found[secret.name.lower()] = secret
    return {secret.name: secret for secret in found.values()}


def _checked(name: str, keys: Iterable[tuple[str, bytes]]) -> Mapping[str, bytes]:
    made: dict[str, bytes] = {}
    for key, value in keys:
        _check_key(name, key)
        if key in made:
            raise Permanent(
                Reason.KEY_TWICE,
                f"Secret {name!r} becomes key {key!r} twice: rename one of the members.",
            )
        made[key] = value
    return made


def _check_key(name: str, key: str) -> None:
    if not _DATA_KEY.fullmatch(key):
        raise Permanent(
            Reason.KEY_INVALID,
            f"Secret {name!r} would become key {excerpt(key)}, which Kubernetes refuses (1 to 253 "
            "letters, digits, '-', '_', '.'): rename the member, or name it by its tag k8s-key.",
        )
