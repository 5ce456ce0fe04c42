"""From a vault's name to its target: the parts, the cluster, the namespace and the Secret."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
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
_NUMBER = re.compile(r"[1-9][0-9]?", re.ASCII)
_LABEL = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)


_OWN_SECRET = re.compile(r"keyvault-(?:project|[1-9][0-9]?)", re.ASCII)


def is_vaults_own(secret: str) -> bool:
    """Return whether a Secret's name is that of a vault's own Secret, this vault's or another's."""
    return _OWN_SECRET.fullmatch(secret) is not None


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """Which vaults a cluster serves: shell-style patterns over lower-case region and stage."""

    cluster: str
    region: str = "*"
    stage: str = "*"

    def covers(self, vault: VaultName) -> bool:
        """Return whether the vault belongs to this cluster."""
        return fnmatchcase(vault.region, self.region) and fnmatchcase(vault.stage, self.stage)


@dataclass(frozen=True, slots=True)
class Naming:
    """The platform's naming rules; `pattern` must match the whole name, ignoring case."""

    pattern: re.Pattern[str]
    namespace: str = DEFAULT_NAMESPACE
    clusters: tuple[ClusterMatch, ...] = (ClusterMatch("default"),)

    def vault(self, text: str) -> VaultName:
        """Parse a vault's name; raises NotOurs if it does not match the pattern."""
        name = text.strip().lower()
        match = (
            self.pattern.fullmatch(name) if text.isascii() and AZURE_NAME.fullmatch(name) else None
        )
        if match is None or not _NUMBER.fullmatch(match["number"] or ""):
            raise NotOurs(
                Reason.VAULT_NAME_OFF_PATTERN,
                f"The vault name {quoted(text)} is not of the form that SYNC_VAULT_PATTERN asks "
                "for (by default REGION-DS-AKV-PROJECT-STAGE-NUMBER, number 1 to 99, 24 characters "
                "at most).",
            )
        return VaultName(
            text=name,
            region=match["region"] or "",
            project=match["project"] or "",
            stage=match["stage"] or "",
            number=int(match["number"]),
        )

    def targets(self, vault: VaultName) -> Sequence[Target]:
        """Return the vault's Secrets, currently one; raises like `target`."""
        return (self.target(vault),)

    def target(self, vault: VaultName) -> Target:
        """Return the vault's Secret; raises Permanent if the rules give no safe target."""
        namespace = self.namespace.format(
            region=vault.region, project=vault.project, stage=vault.stage, number=vault.number
        ).lower()
        if not _LABEL.fullmatch(namespace):
            raise Permanent(
                Reason.NAMESPACE_INVALID,
                f"Vault {vault} leads to namespace {namespace!r}, which is not an RFC 1123 label "
                "(63 characters of a-z, 0-9 and '-'): correct SYNC_NAMESPACE.",
            )
        if namespace == "default" or namespace.startswith("kube-"):
            raise Permanent(
                Reason.NAMESPACE_PROTECTED,
                f"Vault {vault} leads to namespace {namespace!r}, which is never written: "
                "rename the vault's project or stage, or correct SYNC_NAMESPACE.",
            )
        cluster = next((match.cluster for match in self.clusters if match.covers(vault)), None)
        if cluster is None:
            raise Permanent(
                Reason.NO_CLUSTER,
                f"No cluster of SYNC_CLUSTERS matches vault {vault} (region {vault.region!r}, "
                f"stage {vault.stage!r}): add one.",
            )
        secret = "keyvault-project" if vault.number == 1 else f"keyvault-{vault.number}"
        return Target(vault, cluster, namespace, secret)
