"""The table of the settings: what each means, its default, and how it is read."""

from collections.abc import Callable
from dataclasses import replace

from sync.core.placements import placed
from sync.core.restarts import RestartRules, Scope
from sync.core.vault_names import DEFAULT_NAMESPACE, Naming
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from sync.projection.stages import StagePrefixes, is_one
from sync.projection.validity import Expired, NotBefore, Validity
from sync.settings import restarts, values
from sync.settings.clusters import read_clusters
from sync.settings.model import DEFAULT_DNS_SUFFIX, Setting, Settings
from sync.settings.placements import read_entries
from sync.settings.values import DEFAULT_SCHEDULE
from sync.settings.vault_pattern import vault_pattern

type _Read[Part] = Callable[[Part, str], Part]


def _choice(name: str, words: tuple[str, ...], meaning: str, read: _Read[Settings]) -> Setting:
    return Setting(name, meaning, f"`{words[0]}`", read, words)


def _of_naming(read: _Read[Naming]) -> _Read[Settings]:
    return lambda settings, text: replace(settings, naming=read(settings.naming, text))


def _of_rules(read: _Read[Rules]) -> _Read[Settings]:
    return lambda settings, text: replace(settings, rules=read(settings.rules, text))


def _of_validity(read: _Read[Validity]) -> _Read[Settings]:
    return _of_rules(lambda rules, text: replace(rules, validity=read(rules.validity, text)))


def _of_restarts(read: _Read[RestartRules]) -> _Read[Settings]:
    return lambda settings, text: replace(settings, restarts=read(settings.restarts, text))


def _with_clusters(settings: Settings, text: str) -> Settings:
    clusters = read_clusters(text)
    naming = replace(settings.naming, clusters=tuple(match for match, _ in clusters))
    return replace(settings, naming=naming, clusters=tuple(config for _, config in clusters))


def _with_placements(settings: Settings, text: str) -> Settings:
    rules = settings.rules
    naming = placed(
        settings.naming,
        read_entries(text),
        is_one=lambda stage, other: is_one(stage, other, rules.aliases),
        prefixes=rules.stages is not StagePrefixes.NONE,
    )
    return replace(settings, naming=naming, vaults=tuple(naming.table))


def _with_vaults(settings: Settings, text: str) -> Settings:
    listed, strays = values.vault_names(text, settings.naming)
    vaults = tuple(dict.fromkeys((*settings.vaults, *listed)))
    return replace(settings, vaults=vaults, strays=strays)


def _with_applications(settings: Settings, text: str) -> Settings:
    from sync.settings.applications import read_kinds  # noqa: PLC0415 - only where it is set

    return replace(settings, applications=read_kinds(text))


SETTINGS = (
    Setting(
        "SYNC_VAULT_PATTERN",
        "regex; groups `region`, `project`, `stage`, `number`",
        "the names above",
        _of_naming(lambda naming, text: replace(naming, pattern=vault_pattern(text))),
    ),
    Setting(
        "SYNC_PLACEMENTS",
        "[placements](docs/placements.md), a JSON list or a file's name",
        "none",
        _with_placements,
        late=True,
    ),
    Setting(
        "SYNC_VAULTS",
        "vaults that the timer, `all` and `status` cover, comma-separated",
        "none",
        _with_vaults,
        late=True,
    ),
    _choice(
        "SYNC_DISCOVERY",
        ("none", "resource-graph"),
        "`resource-graph` also finds the vaults in `SYNC_SUBSCRIPTIONS`",
        lambda settings, word: replace(settings, discovery=word == "resource-graph"),
    ),
    Setting(
        "SYNC_SUBSCRIPTIONS",
        "comma-separated ids; events of any other subscription are refused",
        "none",
        lambda settings, text: replace(settings, subscriptions=values.subscription_ids(text)),
    ),
    Setting(
        "SYNC_VAULT_DNS_SUFFIX",
        "DNS suffix of the vaults; sovereign clouds differ",
        f"`{DEFAULT_DNS_SUFFIX}`",
        lambda settings, text: replace(settings, dns_suffix=values.dns_suffix(text)),
    ),
    Setting(
        "SYNC_NAMESPACE",
        "made of `{region}`, `{project}`, `{stage}`, `{number}`",
        f"`{DEFAULT_NAMESPACE}`",
        _of_naming(lambda naming, text: replace(naming, namespace=values.namespace_template(text))),
    ),
    Setting(
        "SYNC_CLUSTERS",
        "the [clusters](docs/clusters.md), as a JSON list",
        "one, from `KUBECONFIG`",
        _with_clusters,
    ),
    Setting(
        "SYNC_SCHEDULE",
        "when the timer runs, six fields of NCRONTAB in UTC",
        f"`{DEFAULT_SCHEDULE}`",
        lambda settings, text: replace(settings, schedule=values.schedule(text)),
    ),
    _choice(
        "SYNC_PRUNE",
        ("owned", "never"),
        "`owned` removes keys whose vault secret is gone; `never` keeps them",
        lambda settings, word: replace(settings, prune=word == "owned"),
    ),
    _choice(
        "SYNC_KEY_STYLE",
        tuple(KeyStyle),
        "`verbatim`, or `env`: `db-password` becomes `DB_PASSWORD`",
        _of_rules(lambda rules, word: replace(rules, style=KeyStyle(word))),
    ),
    Setting(
        "SYNC_INCLUDE",
        "comma-separated patterns of names, or `tag:NAME=PATTERN`; one must match",
        "all",
        _of_rules(lambda rules, text: replace(rules, include=values.patterns(text))),
    ),
    Setting(
        "SYNC_EXCLUDE",
        "the same kind of patterns; none may match",
        "none",
        _of_rules(lambda rules, text: replace(rules, exclude=values.patterns(text))),
    ),
    _choice(
        "SYNC_STAGE_PREFIXES",
        tuple(StagePrefixes),
        "`dev-x` is for stage `dev` only; `keep` or `strip` the prefix",
        _of_rules(lambda rules, word: replace(rules, stages=StagePrefixes(word))),
    ),
    Setting(
        "SYNC_STAGE_ALIASES",
        "pairs of names of one stage, or `none`",
        "`prd=prod,stg=staging`",
        _of_rules(lambda rules, text: replace(rules, aliases=values.stage_aliases(text))),
    ),
    Setting(
        "SYNC_SECRET_NAMES",
        "patterns of Secrets that tags may name outright, comma-separated",
        "none",
        _of_rules(lambda rules, text: replace(rules, names=values.secret_names(text))),
    ),
    _choice(
        "SYNC_CHAIN_ROOT",
        ("drop", "keep"),
        "`keep` or `drop` the root certificate at the end of chains",
        _of_rules(lambda rules, word: replace(rules, keep_root=word == "keep")),
    ),
    _choice(
        "SYNC_CHAIN_CA",
        ("any", "root-only"),
        "what may be `ca.crt`: the top of `any` chain, or a root only",
        _of_rules(lambda rules, word: replace(rules, root_only=word == "root-only")),
    ),
    _choice(
        "SYNC_NOT_BEFORE",
        tuple(NotBefore),
        "`wait` until a version is valid by its `nbf`, or `ignore` that",
        _of_validity(lambda usual, word: replace(usual, not_before=NotBefore(word))),
    ),
    _choice(
        "SYNC_EXPIRED",
        tuple(Expired),
        "`keep` the keys of an expired version, or `remove` them",
        _of_validity(lambda usual, word: replace(usual, expired=Expired(word))),
    ),
    _choice(
        "SYNC_REGISTRY_IDENTITY_TOKENS",
        ("false", "true"),
        "`true` takes log-ins that only builders can use",
        _of_rules(lambda rules, word: replace(rules, identity_tokens=word == "true")),
    ),
    Setting(
        "SYNC_LABELS",
        "comma-separated labels of every Secret, each `NAME=VALUE`",
        "none",
        _of_rules(lambda rules, text: replace(rules, labels=values.label_values(text))),
    ),
    Setting(
        "SYNC_LABEL_TAGS",
        "labels that tags `k8s-label-NAME` may set: `NAME`, or `NAME=LABEL`",
        "none",
        _of_rules(lambda rules, text: replace(rules, label_tags=values.label_tags(text))),
    ),
    _choice(
        "SYNC_PORTAL_LINKS",
        ("none", "azure"),
        "`azure` links each Secret to its vault in the portal, for Argo CD",
        _of_rules(lambda rules, word: replace(rules, portal_links=word == "azure")),
    ),
    _choice(
        "SYNC_RESTART",
        tuple(Scope),
        "which workloads are [restarted](docs/restarts.md): `annotated`, `all`",
        _of_restarts(lambda rules, word: replace(rules, scope=Scope(word))),
    ),
    Setting(
        "SYNC_RESTART_ANNOTATION",
        "a further annotation by which workloads ask for it",
        "none",
        _of_restarts(lambda rules, text: replace(rules, annotation=restarts.annotation(text))),
    ),
    Setting(
        "SYNC_RESTART_QUIET",
        "seconds without a write before a restart, 1 to 10",
        "`5`",
        _of_restarts(lambda rules, text: replace(rules, quiet=restarts.quiet(text))),
    ),
    Setting(
        "SYNC_RESTART_CONCURRENCY",
        "restarts at once in a namespace, and in all",
        "`1,10`",
        _of_restarts(restarts.with_concurrency),
    ),
    Setting(
        "SYNC_RESTART_DEADLINE",
        "seconds until a restarted workload has to be ready",
        "`600`",
        _of_restarts(lambda rules, text: replace(rules, deadline=restarts.deadline(text))),
    ),
    Setting(
        "SYNC_RESTART_WINDOWS",
        "when restarts may begin: `NCRONTAB DURATION; …` in UTC",
        "always",
        _of_restarts(lambda rules, text: replace(rules, windows=restarts.windows(text))),
    ),
    Setting(
        "SYNC_RESTART_OWNERS",
        "kinds of controllers whose workloads are restarted too",
        "none",
        _of_restarts(lambda rules, text: replace(rules, owners=restarts.owners(text))),
    ),
    Setting(
        "SYNC_APPLICATIONS",
        "[kinds of objects](docs/applications.md) that list secrets, as JSON",
        "none",
        _with_applications,
    ),
    _choice(
        "SYNC_APPLICATIONS_PREPARE",
        ("false", "true"),
        "`true` makes listed secrets that the vault lacks, empty",
        lambda settings, word: replace(settings, prepare=word == "true"),
    ),
)
"""In the order of reading, but that some are read late."""

NAMES = frozenset(setting.name for setting in SETTINGS)
