"""The platform's rules: which vault secrets are synced, to which Secrets, and as which keys."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256

from sync.core.annotation import SECRET_NAME
from sync.core.errors import Permanent
from sync.core.model import ListedSecret, SecretName, Target, VaultSecret
from sync.core.reasons import Reason
from sync.core.vault_names import is_vaults_own
from sync.projection.budget import ParseBudget
from sync.projection.certificates import read_bundle
from sync.projection.formats import as_text, decoded, joined, members
from sync.projection.keys import check_key, checked_keys
from sync.projection.placement import Excluded, Placement
from sync.projection.secret_types import build
from sync.projection.tags import Format, SecretType, TagOptions, is_tagged, read_tags
from sync.projection.turns import PARSING

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NO_ENVIRONMENT_NAME = re.compile(r"[^A-Za-z0-9_]", re.ASCII)
_DIGITS = 8
TAGGED = "t"
"""The first letter of a fingerprint whose keys depend on tags."""
_COMMON = "common"
_STAGES = (_COMMON, "dev", "stg", "prod")


class KeyStyle(StrEnum):
    """How a name becomes a key: unchanged, or as the name of an environment variable."""

    VERBATIM = "verbatim"
    ENV = "env"


class StagePrefixes(StrEnum):
    """Whether prefixes of names mean stages, and whether keys keep them."""

    NONE = "none"
    KEEP = "keep"
    STRIP = "strip"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A shell pattern for names, ignoring case, or for the values of one tag."""

    glob: str
    tag: str | None = None

    def matches(self, name: str, tags: Mapping[str, str]) -> bool:
        """Return whether the pattern matches a vault secret with this name and these tags."""
        if self.tag is None:
            return fnmatchcase(name.lower(), self.glob.lower())
        return self.tag in tags and fnmatchcase(tags[self.tag], self.glob)

    def __str__(self) -> str:
        return self.glob if self.tag is None else f"tag:{self.tag}={self.glob}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The platform's decisions; `names` are patterns of Secrets that tags may name in full."""

    style: KeyStyle = KeyStyle.VERBATIM
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    stages: StagePrefixes = StagePrefixes.NONE
    names: tuple[str, ...] = ()
    keep_root: bool = False

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits by which two writers compare their rules.

        They do not depend on the order of patterns.
        """
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        shape = {
            name: sorted(set(map(str, setting))) if isinstance(setting, tuple) else setting
            for name, setting in given.items()
        }
        return sha256(repr(shape).encode()).hexdigest()[:_DIGITS]

    def reads(self, tag: str) -> bool:
        """Return whether any rule looks at tags of that name."""
        named = (pattern.tag for pattern in (*self.include, *self.exclude))
        return is_tagged({tag: ""}) or tag in named

    def place(
        self, target: Target, name: str, tags: Mapping[str, str], content_type: str
    ) -> Placement | Excluded:
        """Return where an enabled vault secret goes; raises Permanent for wrong tags.

        `target` is the vault's own Secret.
        """
        name = str(name)  # a SecretName ignores case, and keys do not
        left_out = self._left_out(target.vault.stage, name, tags)
        if left_out is not None:
            return left_out
        options, tagged = read_tags(name, tags), is_tagged(tags)
        if not options.sync:
            return Excluded("its tag k8s-sync is false")
        base = self._stripped(target.vault.stage, name)
        single = options.expand is None and options.type is None
        key = (options.key or self._styled(base)) if single else None
        if key is not None:
            check_key(name, key)
        digest = self._fingerprint(name, key, base, options, content_type)
        return Placement(
            secrets=self._secrets(target, name, options),
            type=options.type,
            key=key,
            base=base,
            options=options,
            content_type=content_type,
            fingerprint=TAGGED + digest if digest and tagged else digest,
            tagged=tagged,
        )

    def render(
        self, placement: Placement, secret: VaultSecret, budget: ParseBudget
    ) -> Mapping[str, bytes]:
        """Return the keys and bytes that a value becomes; raises Permanent, which quotes no value.

        `budget` limits the work that the survey spends on opening certificates.
        """
        options, name = placement.options, secret.name
        if placement.key is not None:
            return {placement.key: decoded(name, secret.value, options.encoding)}
        if placement.type is SecretType.TLS:
            return self._tls(name, secret.value, placement, budget)
        if options.expand is Format.CERTIFICATE:
            return self._certificate(name, secret.value, placement, budget)
        with PARSING:
            if placement.type is not None:
                return build(name, placement.type, decoded(name, secret.value, options.encoding))
            return self._expanded(name, secret.value, placement)

    def warnings(self, name: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Return warnings about a vault secret's keys, which are synced nevertheless."""
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
        """Return the stage that a name's prefix means; `common` means all stages."""
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

    def _secrets(self, target: Target, name: str, options: TagOptions) -> tuple[str, ...]:
        words = options.secret or ((name.lower(),) if options.type else ())
        secrets = dict.fromkeys(self._secret(target, name, word) for word in words)
        return tuple(secrets) or (target.secret,)

    def _secret(self, target: Target, name: str, word: str) -> str:
        if is_vaults_own(word):
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

    def _fingerprint(
        self, name: str, key: str | None, base: str, options: TagOptions, content_type: str
    ) -> str:
        """Digest everything that may change the keys or their bytes; empty for a key like the name.

        New tags and settings become part of it unless they are left out here by name.
        """
        shaping = replace(options, secret=())
        if key == name and replace(shaping, key=None) == TagOptions():
            return ""
        rules = replace(self, include=(), exclude=(), names=())
        reads_type = options.type is SecretType.TLS or options.expand is not None
        shape = (key, base, shaping, rules, content_type if reads_type else "")
        return sha256(repr(shape).encode()).hexdigest()[:_DIGITS]

    def _tls(
        self, name: str, value: str, placement: Placement, budget: ParseBudget
    ) -> Mapping[str, bytes]:
        text = as_text(name, decoded(name, value, placement.options.encoding))
        kind = placement.content_type
        bundle = read_bundle(name, text, kind, budget, keep_root=self.keep_root)
        authority = {} if bundle.authority is None else {"ca.crt": bundle.authority}
        return {"tls.crt": bundle.certificate, "tls.key": bundle.key, **authority}

    def _certificate(
        self, name: str, value: str, placement: Placement, budget: ParseBudget
    ) -> Mapping[str, bytes]:
        kind = placement.content_type
        bundle = read_bundle(name, value, kind, budget, keep_root=self.keep_root)
        parts = {".crt": bundle.certificate, ".key": bundle.key, ".ca.crt": bundle.authority}
        base = placement.options.key or self._styled(placement.base)
        return checked_keys(
            name,
            [(base + self._styled(end), part) for end, part in parts.items() if part is not None],
        )

    def _expanded(self, name: str, value: str, placement: Placement) -> Mapping[str, bytes]:
        options = placement.options
        if options.expand is None or options.expand is Format.CERTIFICATE:
            raise TypeError("no object to expand")
        text = as_text(name, decoded(name, value, options.encoding))
        found = members(name, text, options.expand, options.path)
        if not found:
            raise Permanent(
                Reason.VALUE_NOT_OF_FORMAT,
                f"Secret {name!r}, tagged k8s-expand {options.expand}, has no members: set a new "
                "version of it that has, or leave it out by its tag k8s-sync.",
            )
        if found.keys() == {()}:
            only = options.key or self._styled(placement.base)
            return checked_keys(name, [(only, found[()].encode())])
        return checked_keys(
            name,
            (  # lazily: the names of a thousand members may be long
                (joined(options.key, (self._styled(joined(None, parts)),)), leaf.encode())
                for parts, leaf in found.items()
            ),
        )


DEFAULT_RULES = Rules()
"""The rules without any setting: each enabled secret becomes one key with its name."""


def latest(listing: Iterable[ListedSecret]) -> Mapping[SecretName, ListedSecret]:
    """Return the secrets by name.

    Names that differ only in case are one secret in Key Vault, which may list it twice. The entry
    with the latest update is kept, whatever the order of the listing.
    """
    found: dict[SecretName, ListedSecret] = {}
    for secret in sorted(listing, key=lambda secret: (secret.updated, str(secret.name))):
        found.pop(secret.name, None)
        found[secret.name] = secret
    return found
