"""From a vault's name to its targets: the parts, the cluster, the namespace and the Secret."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sync.core.errors import NotOurs, Permanent, quoted
from sync.core.model import Target, VaultName
from sync.core.reasons import Reason

DEFAULT_PATTERN = (
    r"(?P<region>[a-z0-9]+)-ds-akv-(?P<project>[a-z0-9]+(?:-[a-z0-9]+)*)"
    r"-(?P<stage>[a-z0-9]+)-(?P<number>[1-9][0-9]?)"
)
DEFAULT_NAMESPACE = "{project}-{stage}"
PARTS = frozenset({"region", "project", "stage", "number"})

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
AZURE_NAME = re.compile(r"(?=.{3,24}\Z)[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
NAMESPACE = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]?", re.ASCII)
_OWN_SECRET = re.compile(r"keyvault-(?:project|[1-9][0-9]?)", re.ASCII)


def is_own_by_rule(secret: str) -> bool:
    """Return whether the rule of names gives some vault an own Secret of this name."""
    return _OWN_SECRET.fullmatch(secret) is not None


def is_own(target: Target, secret: str) -> bool:
    """Return whether a name in the target's namespace is that of a vault's own Secret.

    It may be this vault's or another's, by the rule of names or by the table of placements.
    """
    return is_own_by_rule(secret) or secret in target.placed


def own_secret(number: int | None) -> str:
    """Return the name of a vault's own Secret; that of a vault without number is number 1's."""
    return "keyvault-project" if number in {None, 1} else f"keyvault-{number}"


def is_protected(namespace: str) -> bool:
    """Return whether a namespace is never written, whoever asks."""
    return namespace.startswith("kube-")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a vault's name, in lower case; what it does not tell is empty or None."""

    region: str = ""
    project: str = ""
    stage: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """Which vaults a cluster serves: shell-style patterns over lower-case region and stage."""

    cluster: str
    region: str = "*"
    stage: str = "*"

    def covers(self, parts: Parts) -> bool:
        """Return whether a vault with these parts belongs to this cluster."""
        return fnmatchcase(parts.region, self.region) and fnmatchcase(parts.stage, self.stage)


@dataclass(frozen=True, slots=True)
class Naming:
    """The platform's naming rules; `pattern` must match the whole name, ignoring case.

    `table` has the targets of the vaults that the rules do not place, and `placed` the Secrets of
    these targets by cluster and namespace.
    """

    pattern: re.Pattern[str]
    namespace: str = DEFAULT_NAMESPACE
    clusters: tuple[ClusterMatch, ...] = (ClusterMatch("default"),)
    table: Mapping[VaultName, tuple[Target, ...]] = field(default_factory=dict)
    placed: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def vault(self, text: str) -> VaultName:
        """Return the vault of a name; raises NotOurs if neither the table nor the rules know it."""
        name = VaultName(text.strip().lower())
        if text.isascii() and (name in self.table or self.parts(name) is not None):
            return name
        raise self._off_pattern(text)

    def _off_pattern(self, text: str) -> NotOurs:
        return NotOurs(
            Reason.VAULT_NAME_OFF_PATTERN,
            f"The vault name {quoted(text)} is not of the form that SYNC_VAULT_PATTERN asks "
            "for (by default REGION-DS-AKV-PROJECT-STAGE-NUMBER, number 1 to 99, 24 characters "
            "at most), and SYNC_PLACEMENTS has no entry for it.",
        )

    def parts(self, vault: VaultName) -> Parts | None:
        """Return the parts of a name, None if the pattern does not match it."""
        match = self.pattern.fullmatch(vault.text) if AZURE_NAME.fullmatch(vault.text) else None
        if match is None or not _NUMBER.fullmatch(match["number"] or ""):
            return None
        region, project, stage = (match[part] or "" for part in ("region", "project", "stage"))
        return Parts(region, project, stage, int(match["number"]))

    def projects(self, vault: VaultName) -> frozenset[tuple[str, str]]:
        """Return the project and stage of each of the vault's targets."""
        if vault in self.table:
            return frozenset((target.project, target.stage) for target in self.table[vault])
        parts = self.parts(vault) or Parts()
        return frozenset({(parts.project, parts.stage)})

    def targets(self, vault: VaultName) -> Sequence[Target]:
        """Return the vault's targets, at least one; raises Permanent if the rules give none.

        Raises NotOurs for a vault that neither the table nor the rules know.
        """
        return self.table.get(vault) or (self._by_rule(vault),)

    def namespace_of(self, parts: Parts) -> str:
        """Return the namespace that the template makes of the parts, right or wrong."""
        return self.namespace.format(
            region=parts.region, project=parts.project, stage=parts.stage, number=parts.number or ""
        ).lower()

    def cluster_of(self, parts: Parts) -> str | None:
        """Return the first cluster that covers the parts, None if none does."""
        return next((match.cluster for match in self.clusters if match.covers(parts)), None)

    def _by_rule(self, vault: VaultName) -> Target:
        parts = self.parts(vault)
        if parts is None:
            raise self._off_pattern(vault.text)
        namespace = self.namespace_of(parts)
        if not NAMESPACE.fullmatch(namespace):
            raise Permanent(
                Reason.NAMESPACE_INVALID,
                f"Vault {vault} leads to namespace {namespace!r}, which is not an RFC 1123 label "
                "(63 characters of a-z, 0-9 and '-'): correct SYNC_NAMESPACE.",
            )
        if namespace == "default" or is_protected(namespace):
            by_entry = ", or name it in SYNC_PLACEMENTS" if namespace == "default" else ""
            raise Permanent(
                Reason.NAMESPACE_PROTECTED,
                f"Vault {vault} leads to namespace {namespace!r}, which is never written by the "
                "rule of names: rename the vault's project or stage, or correct "
                f"SYNC_NAMESPACE{by_entry}.",
            )
        cluster = self.cluster_of(parts)
        if cluster is None:
            raise Permanent(
                Reason.NO_CLUSTER,
                f"No cluster of SYNC_CLUSTERS matches vault {vault} (region {parts.region!r}, "
                f"stage {parts.stage!r}): add one.",
            )
        return Target(
            vault=vault,
            cluster=cluster,
            namespace=namespace,
            secret=own_secret(parts.number),
            project=parts.project,
            stage=parts.stage,
            region=parts.region,
            number=parts.number,
            placed=self.placed.get((cluster, namespace), frozenset()),
        )
