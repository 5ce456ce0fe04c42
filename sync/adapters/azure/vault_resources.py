"""Implements the port VaultResources with Azure Resource Graph and Resource Manager."""

import re
import threading
from collections.abc import Collection, Mapping

from sync.adapters.azure.graph_search import COLUMNS, search
from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.adapters.wire.locks import held
from sync.core.errors import Permanent, SyncError
from sync.core.model import VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.vault_resources import (
    Network,
    PermissionMode,
    Unseen,
    VaultProperties,
    VaultResource,
)

_API_VERSION = "2026-02-01"
_SETTINGS_API_VERSION = "2021-05-01-preview"
_SETTINGS_PATH = "providers/Microsoft.Insights/diagnosticSettings"
_VAULTS = f"resources | where type =~ 'microsoft.keyvault/vaults' {COLUMNS}"
_VAULT_ID = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers"
    r"/Microsoft\.KeyVault/vaults/[a-z0-9-]{3,24}",
    re.IGNORECASE,
)
_HIDDEN = {Reason.RESOURCE_MANAGER_FORBIDDEN, Reason.RESOURCE_MISSING}
_DEFAULT_DAYS = 90
_AUDIT_CATEGORY = "auditevent"
_AUDIT_GROUPS = frozenset({"audit", "alllogs"})
_ASKED_ONCE = "Another search for the vaults took all the time there was."

type _Properties = Mapping[str, object]


class VaultDetails:
    """Reads vaults with the rights of one identity; safe for any number of threads.

    The first question searches for all vaults, in `subscriptions` and then wherever the identity
    may look; each further one costs two calls. For one examination: what was found, or why
    nothing was, is not asked again.
    """

    def __init__(self, arm: ResourceManager, subscriptions: Collection[str] = ()) -> None:
        self._arm = arm
        scopes = [sorted(subscriptions)] if subscriptions else []
        self._scopes = [*scopes, []]
        self._searching = threading.Lock()
        self._ids: dict[str, str] = {}
        self._fault: SyncError | None = None

    def read(self, vault: VaultName, deadline: Deadline) -> VaultResource:
        """Return how the vault is set up; raises Permanent or Transient.

        What the identity may not read is Unseen, with the right that would show it.
        """
        resource_id = self._id(vault, deadline)
        if resource_id is None:
            hidden = Unseen(
                f"Azure Resource Graph does not show vault {vault}, which takes Reader on the "
                "vault: it grants no value."
            )
            return VaultResource(hidden, hidden)
        return VaultResource(
            self._properties(resource_id, deadline), self._audit(resource_id, deadline)
        )

    def _id(self, vault: VaultName, deadline: Deadline) -> str | None:
        """Return the vault's resource id, None if no search shows it."""
        with held(self._searching, deadline, _ASKED_ONCE):
            while vault.text not in self._ids and self._scopes:
                self._search(self._scopes.pop(0), deadline)
            if (found := self._ids.get(vault.text)) is None and self._fault is not None:
                raise self._fault
            return found

    def _search(self, subscriptions: list[str], deadline: Deadline) -> None:
        try:
            for row in search(self._arm, _VAULTS, subscriptions, deadline):
                if not _VAULT_ID.fullmatch(row.id):
                    raise self._arm.broken("a resource id of another form")
                self._ids[row.name.lower()] = row.id
        except SyncError as error:
            if error.reason not in _HIDDEN:
                self._fault = error

    def _properties(self, resource_id: str, deadline: Deadline) -> VaultProperties | Unseen:
        """Return the vault's properties.

        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/get
        """
        right = "Microsoft.KeyVault/vaults/read"
        question = _question(resource_id, _API_VERSION, resource_id, right)
        try:
            answer = self._arm.ask(question, deadline)
        except Permanent as error:
            return _unseen(error, "how it is set up", right)
        match answer:
            case {"properties": dict(properties)}:
                return _read(properties)
            case _:
                raise self._arm.broken("a vault without properties")

    def _audit(self, resource_id: str, deadline: Deadline) -> tuple[str, ...] | Unseen:
        """Return the names of the diagnostic settings that pass audit events on.

        https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
        """
        right = "Microsoft.Insights/diagnosticSettings/read"
        path = f"{resource_id}/{_SETTINGS_PATH}"
        try:
            answer = self._arm.ask(
                _question(path, _SETTINGS_API_VERSION, resource_id, right), deadline
            )
        except Permanent as error:
            return _unseen(error, "its diagnostic settings", right)
        match answer:
            case {"value": list(entries)}:
                return tuple(self._named(each) for each in entries if _passes_audit_events(each))
            case _:
                raise self._arm.broken("no list of diagnostic settings")

    def _named(self, entry: object) -> str:
        match entry:
            case {"name": str(name)}:
                return name
            case _:
                raise self._arm.broken("a diagnostic setting without a name")


def _question(path: str, version: str, resource_id: str, right: str) -> Question:
    remedy = f"Grant Reader, which holds {right}, on {resource_id}."
    return Question(path, version, forbidden=remedy, missing=remedy, method="GET")


def _unseen(error: Permanent, what: str, right: str) -> Unseen:
    """Return that something is hidden; raises any other error again."""
    if error.reason not in _HIDDEN:
        raise error
    return Unseen(
        f"Azure Resource Manager does not show {what}, which takes {right} on the vault (in the "
        "role Reader, which grants no value)."
    )


def _read(properties: _Properties) -> VaultProperties:
    """Read the properties; an absent one has the meaning that Key Vault gives it."""
    match properties.get("networkAcls"):
        case dict(rules):
            pass
        case _:
            rules = {}
    days = properties.get("softDeleteRetentionInDays")
    lists = (rules.get("ipRules"), rules.get("virtualNetworkRules"))
    return VaultProperties(
        permissions=PermissionMode.RBAC
        if properties.get("enableRbacAuthorization") is True
        else PermissionMode.ACCESS_POLICIES,
        soft_delete_days=None
        if properties.get("enableSoftDelete") is not True
        else days
        if isinstance(days, int)
        else _DEFAULT_DAYS,
        purge_protection=properties.get("enablePurgeProtection") is True,
        network=_network(_word(properties, "publicNetworkAccess"), _word(rules, "defaultAction")),
        network_rules=sum(len(each) for each in lists if isinstance(each, list)),
        trusted_services=_word(rules, "bypass") != "none",
    )


def _network(public_access: str, default_action: str) -> Network:
    match public_access, default_action:
        case "disabled", _:
            return Network.PRIVATE
        case "securedbyperimeter", _:
            return Network.PERIMETER
        case _, "deny":
            return Network.FIREWALL
        case _:
            return Network.PUBLIC


def _word(fields: Mapping[object, object] | _Properties, name: str) -> str:
    """Return a word in lower case, empty if it is absent."""
    found = fields.get(name)
    return found.lower() if isinstance(found, str) else ""


def _passes_audit_events(entry: object) -> bool:
    match entry:
        case {"properties": {"logs": list(logs)}}:
            return any(map(_is_audit, logs))
        case _:
            return False


def _is_audit(log: object) -> bool:
    match log:
        case {"enabled": True, **fields}:
            return (
                _word(fields, "category") == _AUDIT_CATEGORY
                or _word(fields, "categoryGroup") in _AUDIT_GROUPS
            )
        case _:
            return False
