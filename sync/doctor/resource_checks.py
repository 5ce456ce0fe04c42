"""Judges how a vault is set up: permission mode, recovery, network and audit events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync.core.errors import SyncError, excerpt
from sync.core.model import VaultName
from sync.core.reasons import Reason
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject, Verdict
from sync.doctor.vault_resources import (
    Network,
    PermissionMode,
    Unseen,
    VaultProperties,
    VaultResource,
)

_NEEDED = {"list": "list", "read": "get"}
"""The permission that each check needs, as access policies name it."""

_ENTRY = (
    "has no entry with {permission} for the app's identity. A role is useless there: access "
    "policies decide. The vault's owner must also put the entry into the template that deploys "
    "the vault: without it, their next deployment takes the entry away"
)
_NETWORKS = {
    Network.PUBLIC: "It takes calls from every network",
    Network.FIREWALL: "Its firewall lets in {rules} address range(s) and subnet(s)",
    Network.PRIVATE: "It takes calls by private endpoints",
    Network.PERIMETER: "A network security perimeter decides whose calls reach it",
}


@dataclass(frozen=True, slots=True)
class ResourceExamination:
    """The examination of what Resource Manager shows of a vault."""

    vault: VaultName
    resource: VaultResource

    @classmethod
    def of(cls, vault: VaultName, told: VaultResource | SyncError) -> "ResourceExamination":
        """Return the examination; nothing is known if the question failed."""
        if isinstance(told, SyncError):
            late = told.reason is Reason.DEADLINE_EXCEEDED
            unseen = Unseen("time." if late else f"{told.reason}: {told.message}")
            told = VaultResource(unseen, unseen)
        return cls(vault, told)

    @property
    def _subject(self) -> Subject:
        return Subject(f"vault {self.vault}")

    def checks(self) -> Sequence[Check]:
        """Return the four checks; the first one carries the facts for programs."""
        match self.resource.properties:
            case Unseen(why):
                first, *others = (
                    self._subject.unchecked(name, why)
                    for name in ("permissions", "recovery", "network")
                )
            case properties:
                first, *others = (
                    self._permissions(properties),
                    self._recovery(properties),
                    self._network(properties),
                )
        first = replace(first, vault=self.vault.text, resource=self.resource)
        return [first, *others, self._audit(self.resource.audit)]

    def fitted(self, check: Check) -> Check:
        """Return a check with the remedy of the vault's permission mode, if it lacks a right."""
        match self.resource.properties:
            case VaultProperties(permissions=PermissionMode.ACCESS_POLICIES):
                pass
            case _:
                return check
        if check.verdict is not Verdict.FAILED or check.reason is not Reason.VAULT_FORBIDDEN:
            return check
        entry = _ENTRY.format(permission=_NEEDED[check.name])
        sentence = f"{check.reason}: Vault {self.vault} {entry}."
        return replace(check, sentence=sentence, remedy=remedies.access_policy(self.vault))

    def _permissions(self, properties: VaultProperties) -> Check:
        if properties.permissions is PermissionMode.RBAC:
            mode = "Azure RBAC decides who may read: a role on the vault grants it."
        else:
            mode = (
                "Access policies decide who may read (enableRbacAuthorization is not true): an "
                "entry with get and list grants it, and a role on the vault does not."
            )
        return self._subject.ok("permissions", mode)

    def _recovery(self, properties: VaultProperties) -> Check:
        name, days = "recovery", properties.soft_delete_days
        if days is None:
            lost = "Soft delete is off: a secret that is deleted, or the vault, is lost at once."
            return self._subject.warning(name, lost, remedies.soft_delete(self.vault))
        kept = f"What is deleted can be recovered for {days} days"
        if not properties.purge_protection:
            purged = f"{kept}, but without purge protection it can be purged before."
            return self._subject.warning(name, purged, remedies.purge_protection(self.vault))
        return self._subject.ok(name, f"{kept}, and cannot be purged before.")

    def _network(self, properties: VaultProperties) -> Check:
        network = properties.network
        sentence = _NETWORKS[network].format(rules=properties.network_rules)
        if network in {Network.FIREWALL, Network.PRIVATE}:
            trusted = "Azure's trusted services" if properties.trusted_services else "nothing else"
            sentence += f", and {trusted}"
        return self._subject.ok("network", f"{sentence}.")

    def _audit(self, audit: tuple[str, ...] | Unseen) -> Check:
        name = "audit"
        match audit:
            case Unseen(why):
                return self._subject.unchecked(name, why)
            case (setting, *_):
                passed = f"Diagnostic setting {excerpt(setting)} passes its audit events on."
                return self._subject.ok(name, passed)
            case _:
                blind = "No diagnostic setting passes its audit events on: who read a secret is "
                return self._subject.warning(
                    name, f"{blind}recorded nowhere.", remedies.audit_events(self.vault)
                )
