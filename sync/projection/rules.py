"""The platform's rules: which vault secrets are synced, to which Secrets, and as which keys."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import TYPE_CHECKING

from sync.core.errors import Permanent
from sync.core.labels import Labels
from sync.core.model import (
    SECRET_NAME,
    VARIABLES,
    Application,
    SecretName,
    Target,
    Variables,
    VaultSecret,
)
from sync.core.reasons import Reason
from sync.core.vault_names import is_own, is_own_by_rule
from sync.projection import file_encoding
from sync.projection.budget import ParseBudget
from sync.projection.keys import KeyStyle, check_key
from sync.projection.placement import Excluded, Placement, Rendered
from sync.projection.rendering import Renderer
from sync.projection.stages import (
    COMMON,
    USUAL_ALIASES,
    Aliases,
    StagePrefixes,
    is_one,
    stage_of,
)
from sync.projection.tags import (
    UNTAGGED,
    SecretType,
    TagOptions,
    is_tagged,
    read_common_tags,
    read_tags,
)
from sync.projection.validity import USUAL, Validity

if TYPE_CHECKING:
    from sync.projection.variables import VariableRules

_DIGITS = 8
_UNPREFIXED = Excluded(
    "it has no stage's prefix, and this target's entry in SYNC_PLACEMENTS does not have unprefixed"
)
_NO_SYNC = Excluded("its tag k8s-sync is false")
TAGGED = "t"
"""The first letter of a fingerprint whose keys depend on tags."""


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
    """The platform's decisions; `names` are patterns of Secrets that tags may name in full.

    Every Secret gets `labels`. `label_tags` are the labels that tags may set, each with the
    lower-case NAME of its tag k8s-label-NAME before it.
    """

    style: KeyStyle = KeyStyle.VERBATIM
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    stages: StagePrefixes = StagePrefixes.NONE
    aliases: Aliases = USUAL_ALIASES
    names: tuple[str, ...] = ()
    keep_root: bool = False
    root_only: bool = False
    validity: Validity = USUAL
    identity_tokens: bool = False
    """Whether registries may have a log-in that builders can use and the kubelet cannot."""
    labels: Labels = ()
    label_tags: Labels = ()
    portal_links: bool = False
    """Whether every Secret gets a link to the vault's page in the portal."""
    variables: Variables = VARIABLES
    """How the application gets its variables whose Secret is written."""

    def of(self, target: Target) -> "Rules":
        """Return the rules for a target, by whose digest its state is compared."""
        application = target.application
        return self if application is None else replace(self, variables=application.variables)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits by which two writers compare their rules.

        They do not depend on the order of patterns, nor on settings that are not set.
        """
        shape = {
            name: sorted(set(map(str, setting))) if isinstance(setting, tuple) else setting
            for name, setting in _given(self).items()
        }
        return sha256(repr(shape).encode()).hexdigest()[:_DIGITS]

    def reads(self, tag: str) -> bool:
        """Return whether any rule looks at tags of that name."""
        named = (pattern.tag for pattern in (*self.include, *self.exclude))
        return is_tagged({tag: ""}) or tag in named or file_encoding.is_tag(tag)

    def place(
        self, target: Target, name: str, tags: Mapping[str, str], content_type: str
    ) -> Placement | Excluded:
        """Return where an enabled vault secret goes; raises Permanent for wrong tags.

        `target` is the vault's own Secret.
        """
        left_out = self.unlisted(target, SecretName(name)) or self._left_out(target, name, tags)
        if left_out is not None:
            return left_out
        name = str(name)  # a SecretName ignores case, and keys do not
        if target.application is not None:
            return self._as_variables(target, target.application, name, tags, content_type)
        tagged = is_tagged(tags)
        options = read_tags(name, tags, dict(self.label_tags)) if tagged else UNTAGGED
        if not options.sync:
            return _NO_SYNC
        base = self._stripped(target.stage, name)
        single = options.expand is None and options.type is None and not options.keys
        key = (options.key or self.style.styled(base)) if single else None
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

    def unlisted(self, target: Target, name: SecretName) -> Excluded | None:
        """Return why an application's target does not take a secret of that name."""
        application = target.application
        if application is None or name in application.secrets:
            return None
        return Excluded(
            f"application {application} {'is gone' if application.gone else 'does not list it'}"
        )

    def render(self, placement: Placement, secret: VaultSecret, budget: ParseBudget) -> Rendered:
        """Return the keys and bytes that a value becomes; raises Permanent, which quotes no value.

        `budget` limits the work that the survey spends on opening certificates.
        """
        if placement.variables is not None:
            return self._variable_rules().render(placement, placement.variables, secret, budget)
        renderer = Renderer(self.style, self.keep_root, self.root_only, self.identity_tokens)
        encoding = file_encoding.undone(placement, secret.tags)
        if encoding is None:
            return renderer.render(placement, secret, budget)
        try:
            rendered = renderer.render(placement, secret, budget)
        except Permanent as fault:
            raise file_encoding.mentioned(fault, placement, encoding) from fault
        warned = file_encoding.warnings(str(secret.name), placement, encoding)
        return replace(rendered, warnings=(*rendered.warnings, *warned))

    def _as_variables(
        self,
        target: Target,
        application: Application,
        name: str,
        tags: Mapping[str, str],
        content_type: str,
    ) -> Placement | Excluded:
        """Return the placement in an application's Secret; of its tags only k8s-sync counts."""
        from sync.projection.variables import naming_of  # noqa: PLC0415 - as below

        options = read_common_tags(tags)
        if not options.sync:
            return _NO_SYNC
        base = self._stripped(target.stage, name)
        naming = naming_of(application, name, base)
        return self._variable_rules().place(target.secret, base, content_type, naming, options)

    def _variable_rules(self) -> "VariableRules":
        from sync.projection.variables import VariableRules  # noqa: PLC0415 - only for applications

        return VariableRules(self.keep_root, self.root_only)

    def _left_out(self, target: Target, name: str, tags: Mapping[str, str]) -> Excluded | None:
        if self.include and not any(pattern.matches(name, tags) for pattern in self.include):
            return Excluded("SYNC_INCLUDE does not name it")
        for pattern in self.exclude:
            if pattern.matches(name, tags):
                return Excluded(f"SYNC_EXCLUDE names it ({pattern})")
        stage = target.stage
        of = self._stage_of(stage, name)
        if of is None:
            return None if self._takes_unprefixed(target) else _UNPREFIXED
        if of == COMMON or is_one(of, stage, self.aliases):
            return None
        return Excluded(
            f"it is of stage {of}, not {stage}, and SYNC_STAGE_ALIASES does not make them one"
        )

    def _takes_unprefixed(self, target: Target) -> bool:
        return target.unprefixed or self.stages is StagePrefixes.NONE

    def _stage_of(self, stage: str, name: str) -> str | None:
        """Return the stage that a name's prefix means; `common` means all stages."""
        if self.stages is StagePrefixes.NONE:
            return None
        return stage_of(name, stage, self.aliases)

    def _stripped(self, stage: str, name: str) -> str:
        prefix = self._stage_of(stage, name)
        if prefix is None or self.stages is not StagePrefixes.STRIP:
            return name
        return name[len(prefix) + 1 :]

    def _secrets(self, target: Target, name: str, options: TagOptions) -> tuple[str, ...]:
        words = options.secret or ((name.lower(),) if options.type else ())
        secrets = dict.fromkeys(self._secret(target, name, word) for word in words)
        return tuple(secrets) or (target.secret,)

    def _secret(self, target: Target, name: str, word: str) -> str:
        named = any(fnmatchcase(word, pattern) for pattern in self.names)
        secret = word if named else f"{target.secret}-{word}"
        if is_own_by_rule(word) or is_own(target, secret):
            raise Permanent(
                Reason.TAG_WRONG,
                f"Secret {name!r}: its tag k8s-secret asks for {word!r}, which leads to a vault's "
                "own Secret: choose another name.",
            )
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

        New tags and settings become part of it unless they are left out here by name. What is not
        given is no part of it, so a release with more of them leaves it as it is.
        """
        if options is UNTAGGED and key == name:
            return ""  # most secrets, at each pass
        shaping = replace(options, secret=(), labels=(), restart=None)
        if key == name and replace(shaping, key=None) == UNTAGGED:
            return ""
        rules = replace(
            self,
            include=(),
            exclude=(),
            aliases=USUAL_ALIASES,  # what they change is in the key and the base
            names=(),
            validity=USUAL,
            labels=(),
            label_tags=(),
            portal_links=False,
            variables=VARIABLES,
        )
        reads_type = options.type is SecretType.TLS or options.expand is not None
        kind = content_type if reads_type else ""
        shape = (key, base, _given(shaping), _given(rules), kind)
        return sha256(repr(shape).encode()).hexdigest()[:_DIGITS]


def _given(options: Rules | TagOptions) -> Mapping[str, object]:
    """Return the fields that do not have their default."""
    return {
        each.name: value
        for each in fields(options)
        if (value := getattr(options, each.name)) != each.default
    }


DEFAULT_RULES = Rules()
"""The rules without any setting: each enabled secret becomes one key with its name."""
