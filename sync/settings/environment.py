"""The app's settings, read once from the environment; every fault is reported at once."""

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sync.adapters.kubernetes.cluster_config import ClusterConfig
from sync.core.errors import NotOurs, Permanent
from sync.core.model import VaultName
from sync.core.reasons import Reason
from sync.core.vault_names import DEFAULT_NAMESPACE, DEFAULT_PATTERN, PARTS, Naming
from sync.projection.rules import DEFAULT_RULES, KeyStyle, Pattern, Rules, StagePrefixes
from sync.settings.clusters import ONE_CLUSTER, read_clusters
from sync.settings.ncrontab import is_ncrontab
from sync.settings.vault_pattern import vault_pattern

DEFAULT_SCHEDULE = "0 */5 * * * *"
DEFAULT_DNS_SUFFIX = "vault.azure.net"
PREFIX = "SYNC_"

_DNS_SUFFIX = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}", re.ASCII)
_SECRET_NAME = re.compile(r"[a-z0-9*?][-a-z0-9*?]*", re.ASCII)


class SettingsError(Permanent):
    """One or more settings are wrong; `faults` has a sentence for each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(Reason.SETTINGS_WRONG, " ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, parsed; the environment's names are in README."""

    naming: Naming
    vaults: tuple[VaultName, ...] = ()
    subscriptions: frozenset[str] = frozenset()
    dns_suffix: str = DEFAULT_DNS_SUFFIX
    clusters: tuple[ClusterConfig, ...] = (ClusterConfig("default"),)
    schedule: str = DEFAULT_SCHEDULE
    prune: bool = True
    discovery: bool = False
    """Whether vaults are searched for with Resource Graph."""
    rules: Rules = DEFAULT_RULES


def platform_authenticates(environment: Mapping[str, str]) -> bool:
    """Tell whether App Service authentication stands before the app, as the platform says.

    https://learn.microsoft.com/azure/app-service/reference-app-settings#authentication--authorization
    """
    return environment.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true"


def read(environment: Mapping[str, str]) -> Settings:
    """Parse the environment; raises SettingsError with all its faults. Empty means unset."""
    given = {name: v.strip() for name, v in environment.items() if name.startswith(PREFIX)}
    faults = [
        f"{name} is not a setting of this app: correct its name or remove it "
        f"(known are {', '.join(sorted(NAMES))})."
        for name in sorted(given.keys() - NAMES)
    ]

    def parsed[T](name: str, parse: Callable[[str], T], default: T) -> T:
        text = given.get(name, "")
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as wrong:
            faults.extend(f"{name} is wrong: {fault}." for fault in wrong.args)
            return default

    def chosen[T](name: str, words: Mapping[str, T]) -> T:
        """Read one of the words, of which the first is the default."""
        return parsed(name, _one_of(words), next(iter(words.values())))

    pattern = parsed("SYNC_VAULT_PATTERN", vault_pattern, vault_pattern(DEFAULT_PATTERN))
    namespace = parsed("SYNC_NAMESPACE", _template, DEFAULT_NAMESPACE)
    clusters = parsed("SYNC_CLUSTERS", read_clusters, [ONE_CLUSTER])
    naming = Naming(pattern, namespace, tuple(match for match, _ in clusters))
    settings = Settings(
        naming=naming,
        vaults=parsed("SYNC_VAULTS", lambda text: _vaults(text, naming), ()),
        subscriptions=parsed("SYNC_SUBSCRIPTIONS", _subscriptions, frozenset()),
        dns_suffix=parsed("SYNC_VAULT_DNS_SUFFIX", _dns_suffix, DEFAULT_DNS_SUFFIX),
        clusters=tuple(config for _, config in clusters),
        schedule=parsed("SYNC_SCHEDULE", _schedule, DEFAULT_SCHEDULE),
        prune=chosen("SYNC_PRUNE", {"owned": True, "never": False}),
        discovery=parsed(
            "SYNC_DISCOVERY", _one_of({"none": False, "resource-graph": True}), default=False
        ),
        rules=Rules(
            style=parsed(
                "SYNC_KEY_STYLE",
                _one_of({each.value: each for each in KeyStyle}),
                KeyStyle.VERBATIM,
            ),
            include=parsed("SYNC_INCLUDE", _patterns, ()),
            exclude=parsed("SYNC_EXCLUDE", _patterns, ()),
            stages=parsed(
                "SYNC_STAGE_PREFIXES",
                _one_of({each.value: each for each in StagePrefixes}),
                StagePrefixes.NONE,
            ),
            names=parsed("SYNC_SECRET_NAMES", _secret_names, ()),
            keep_root=parsed(
                "SYNC_CHAIN_ROOT", _one_of({"keep": True, "drop": False}), default=False
            ),
        ),
    )
    if settings.discovery and not settings.subscriptions and not given.get("SYNC_SUBSCRIPTIONS"):
        faults.append(
            "SYNC_DISCOVERY is wrong: resource-graph searches the subscriptions of "
            "SYNC_SUBSCRIPTIONS, and that names none."
        )
    if faults:
        raise SettingsError(tuple(map(_plain, faults)))
    return settings


NAMES = frozenset(
    {
        "SYNC_VAULTS",
        "SYNC_DISCOVERY",
        "SYNC_SUBSCRIPTIONS",
        "SYNC_VAULT_PATTERN",
        "SYNC_VAULT_DNS_SUFFIX",
        "SYNC_NAMESPACE",
        "SYNC_CLUSTERS",
        "SYNC_SCHEDULE",
        "SYNC_PRUNE",
        "SYNC_KEY_STYLE",
        "SYNC_INCLUDE",
        "SYNC_EXCLUDE",
        "SYNC_STAGE_PREFIXES",
        "SYNC_SECRET_NAMES",
        "SYNC_CHAIN_ROOT",
    }
)


def _plain(text: str) -> str:
    """Spell out what no log may be able to hold: an environment's bytes may be no text."""
    return text.encode(errors="backslashreplace").decode()


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _vaults(text: str, naming: Naming) -> tuple[VaultName, ...]:
    try:
        return tuple(dict.fromkeys(naming.vault(name) for name in _list(text)))
    except NotOurs as fault:
        raise ValueError(f"it is a comma-separated list of vault names, and {fault}") from None


def _subscriptions(text: str) -> frozenset[str]:
    try:
        return frozenset(str(UUID(item)) for item in _list(text))
    except ValueError:
        raise ValueError(
            "it must be a comma-separated list of subscription ids, each as "
            "00000000-0000-0000-0000-000000000000"
        ) from None


def _template(text: str) -> str:
    form = "it must be a template over {region}, {project}, {stage} and {number}, nothing else"
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError(form) from None
    for _, field, spec, conversion in fields:
        if field is not None and (field not in PARTS or spec or conversion):
            raise ValueError(form)
    return text


def _dns_suffix(text: str) -> str:
    if not _DNS_SUFFIX.fullmatch(text.lower()):
        raise ValueError("it must be a DNS suffix without scheme or slash, as vault.azure.net")
    return text.lower()


def _schedule(text: str) -> str:
    if not is_ncrontab(text):
        raise ValueError(
            "it must be an NCRONTAB expression of six fields (second minute hour day month "
            f"day-of-week), as {DEFAULT_SCHEDULE}"
        )
    return text


def _one_of[Meant](words: Mapping[str, Meant]) -> Callable[[str], Meant]:
    def parse(text: str) -> Meant:
        if text not in words:
            raise ValueError(f"it must be {' or '.join(words)}")
        return words[text]

    return parse


def _patterns(text: str) -> tuple[Pattern, ...]:
    found: list[Pattern] = []
    for item in _list(text):
        if not item.startswith("tag:"):
            found.append(Pattern(item))
            continue
        tag, equals, glob = item.removeprefix("tag:").partition("=")
        if not tag or not equals:
            raise ValueError(
                "it is a comma-separated list of shell patterns over names, or over the values of "
                "a tag as tag:NAME=PATTERN"
            )
        found.append(Pattern(glob, tag))
    return tuple(found)


def _secret_names(text: str) -> tuple[str, ...]:
    patterns = tuple(_list(text))
    if any(not _SECRET_NAME.fullmatch(pattern) for pattern in patterns):
        raise ValueError(
            "it is a comma-separated list of names of Secrets (a-z, 0-9 and '-'), where * and ? "
            "stand for others"
        )
    return patterns
