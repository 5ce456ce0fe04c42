"""The settings, parsed, and what a row of their table is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync.adapters.kubernetes.cluster_config import ClusterConfig
from sync.core.errors import SyncError
from sync.core.model import VaultName
from sync.core.restarts import NO_RESTARTS, RestartRules
from sync.core.vault_names import DEFAULT_PATTERN, Naming
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.settings.values import DEFAULT_SCHEDULE
from sync.settings.vault_pattern import vault_pattern

if TYPE_CHECKING:
    from sync.applications.kinds import Kind

DEFAULT_DNS_SUFFIX = "vault.azure.net"

_NAMING = Naming(vault_pattern(DEFAULT_PATTERN))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, parsed."""

    naming: Naming = _NAMING
    vaults: tuple[VaultName, ...] = ()
    strays: tuple[tuple[str, SyncError], ...] = ()
    """The names in `SYNC_VAULTS` that are off the pattern, each with why."""
    subscriptions: frozenset[str] = frozenset()
    dns_suffix: str = DEFAULT_DNS_SUFFIX
    clusters: tuple[ClusterConfig, ...] = (ClusterConfig("default"),)
    schedule: str = DEFAULT_SCHEDULE
    prune: bool = True
    discovery: bool = False
    """Whether to discover vaults with Resource Graph."""
    rules: Rules = DEFAULT_RULES
    restarts: RestartRules = NO_RESTARTS
    applications: "tuple[Kind, ...]" = ()
    """The kinds of objects that list vault secrets."""
    prepare: bool = False
    """Whether to make the listed secrets that a vault lacks, disabled and empty."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable, a row of the table.

    `read` adds the parsed value to the settings read so far, or raises ValueError that says what is
    wrong. For a setting with fixed `words`, the first is the default. `meaning` and `default` are
    Markdown, for README.
    """

    name: str
    meaning: str
    default: str
    read: Callable[[Settings, str], Settings]
    words: tuple[str, ...] = ()
    late: bool = False
    """Whether it is read after the others, since it depends on them."""
