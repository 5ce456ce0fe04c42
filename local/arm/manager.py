"""The state of Azure Resource Manager, and what the identity may see of it."""

import base64
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from local.arm.events import under
from local.arm.refusals import RefusedError
from local.arm.search import TENANT, Fields, Page, search
from local.arm.vaults import VaultState
from local.faults import Fault, Healing, Plans

LARGEST_PAGE = 1000
CREDENTIAL = "listClusterUserCredential"
NAME_CHECK = "checkNameAvailability"
_AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
_KUBELOGIN = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"


type EventSubscriptions = Callable[[], Sequence[Fields]]
"""Returns the event subscriptions of a moment, each with its name and properties."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    server: str
    ca_pem: bytes


@dataclass(slots=True)
class ResourceManager:
    """The state of the resource manager, and what the identity may see of it.

    `page_size` is the maximum number of entries per page. `requests` counts by `graph`, `name`,
    `events`, `vault`, `settings` and `credential`. A search silently skips subscriptions that the
    identity may not read; it is refused if none is left.
    """

    token_valid: Callable[[str], bool] = bool
    page_size: int = LARGEST_PAGE
    requests: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clusters: dict[str, _Cluster] = field(default_factory=dict)
    _vaults: dict[str, VaultState] = field(default_factory=dict)
    _topics: dict[str, tuple[str, str]] = field(default_factory=dict)
    _events: dict[str, EventSubscriptions] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)
    _faults: Plans[str] = field(default_factory=Plans[str])

    def put_cluster(self, resource_id: str, server: str, ca_pem: bytes) -> None:
        """Create an AKS cluster, or give it another endpoint or authority."""
        with self._lock:
            self._clusters[resource_id.lower()] = _Cluster(server, ca_pem)

    def remove_cluster(self, resource_id: str) -> None:
        """Delete it."""
        with self._lock:
            del self._clusters[resource_id.lower()]

    def show_vault(self, resource_id: str) -> None:
        """Make the vault visible to searches."""
        with self._lock:
            self._vaults.setdefault(resource_id.lower(), VaultState(resource_id))

    def set_up_vault(self, resource_id: str, **properties: object) -> None:
        """Change the vault's properties; one that is None is absent."""
        with self._lock:
            state = self._vaults[resource_id.lower()]
            changed = {**state.properties, **properties}
            state.properties = {n: value for n, value in changed.items() if value is not None}

    def set_diagnostics(self, resource_id: str, **settings: Mapping[str, bool]) -> None:
        """Replace the vault's diagnostic settings: of each the categories or groups, on or off."""
        with self._lock:
            self._vaults[resource_id.lower()].settings = settings

    def hide_vault(self, resource_id: str) -> None:
        """Hide the vault from searches, as if it were deleted."""
        with self._lock:
            self._vaults.pop(resource_id.lower(), None)

    def put_topic(self, resource_id: str, source: str, subscriptions: EventSubscriptions) -> None:
        """Create the system topic of a source, with event subscriptions."""
        with self._lock:
            self._topics[resource_id.lower()] = resource_id, source
            self._events[resource_id.lower()] = subscriptions

    def remove_topic(self, source: str) -> None:
        """Delete the system topic of a source, and its event subscriptions with it."""
        with self._lock:
            for topic, (_, its_source) in list(self._topics.items()):
                if its_source.lower() == source.lower():
                    del self._topics[topic], self._events[topic]

    def put_own_subscriptions(self, vault: str, subscriptions: EventSubscriptions) -> None:
        """Give a vault event subscriptions of its own, beside those of its system topic."""
        with self._lock:
            self._events[vault.lower()] = subscriptions

    def reader(self, subscription: str, *, granted: bool) -> None:
        """Grant the identity the role Reader in the subscription, or revoke it."""
        with self._lock:
            (self._unread.discard if granted else self._unread.add)(subscription.lower())

    def cluster_user(self, resource_id: str, *, granted: bool) -> None:
        """Grant the identity the Cluster User role on the cluster, or revoke it."""
        with self._lock:
            (self._closed.discard if granted else self._closed.add)(resource_id.lower())

    def fail(self, status: int, requests: int = 1, **headers: str) -> None:
        """Answer the next requests with that status; headers are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.plan(Fault(status, headers=named), requests)

    def plan(self, fault: Fault, requests: int | None = 1, about: str = "") -> Healing:
        """Apply a fault to requests whose path or body contains that text, in any case.

        Return a function that ends it.
        """
        return self._faults.plan(fault, requests, lambda asked: about.lower() in asked.lower())

    def take_fault(self, asked: str) -> Fault | None:
        """Return the fault for a request with that path and body, and count it down."""
        return self._faults.take(asked)

    def kubeconfig(self, resource_id: str) -> str:
        """Return the kubeconfig that AKS gives to a user of a cluster with Entra ID."""
        with self._lock:
            self.requests["credential"] += 1
            cluster = self._clusters.get(resource_id.lower())
            closed = resource_id.lower() in self._closed
        if closed:
            raise RefusedError(
                403,
                "AuthorizationFailed",
                "The client does not have authorization to perform action "
                f"'Microsoft.ContainerService/managedClusters/{CREDENTIAL}/action' over scope "
                f"'{resource_id}' or the scope is invalid.",
            )
        if cluster is None:
            raise RefusedError(
                404, "ResourceNotFound", f"{resource_id} was not found: put_cluster makes it."
            )
        return _kubeconfig(resource_id.rpartition("/")[2], cluster)

    def is_free(self, subscription: str, name: str) -> bool:
        """Return whether a new vault could have that name: none has it in any subscription."""
        with self._lock:
            self.requests["name"] += 1
            hidden = subscription.lower() in self._unread
            taken = {resource_id.rpartition("/")[2] for resource_id in self._vaults}
        if hidden:
            raise RefusedError(
                403,
                "AuthorizationFailed",
                "The client does not have authorization to perform action "
                f"'Microsoft.KeyVault/{NAME_CHECK}/read' over scope "
                f"'/subscriptions/{subscription}' or the scope is invalid.",
            )
        return name.lower() not in taken

    def event_subscriptions(self, scope: str) -> Sequence[Fields]:
        """Return the event subscriptions of a system topic, or a vault's own."""
        with self._lock:
            self.requests["events"] += 1
            there = scope.lower() in self._vaults or scope.lower() in self._topics
            hidden = scope.split("/")[2].lower() in self._unread
            subscriptions = self._events.get(scope.lower(), list)
        if hidden:
            raise RefusedError(
                403,
                "AuthorizationFailed",
                "The client does not have authorization to perform action "
                f"'Microsoft.EventGrid/eventSubscriptions/read' over scope '{scope}' or the scope "
                "is invalid.",
            )
        if not there:
            raise RefusedError(404, "ResourceNotFound", f"{scope} was not found.")
        return [under(scope, entry) for entry in subscriptions()]

    def vault(self, resource_id: str) -> Fields:
        """Return a vault's resource."""
        return self._vault("vault", resource_id, "Microsoft.KeyVault/vaults/read").shown()

    def diagnostic_settings(self, resource_id: str) -> Sequence[Fields]:
        """Return a vault's diagnostic settings."""
        right = "Microsoft.Insights/diagnosticSettings/read"
        return self._vault("settings", resource_id, right).diagnostic_settings()

    def _vault(self, kind: str, resource_id: str, right: str) -> VaultState:
        with self._lock:
            self.requests[kind] += 1
            hidden = resource_id.split("/")[2].lower() in self._unread
            state = self._vaults.get(resource_id.lower())
        if hidden:
            raise RefusedError(
                403,
                "AuthorizationFailed",
                f"The client does not have authorization to perform action '{right}' over scope "
                f"'{resource_id}' or the scope is invalid.",
            )
        if state is None:
            raise RefusedError(404, "ResourceNotFound", f"{resource_id} was not found.")
        return state

    def search(self, query: str, subscriptions: Sequence[str], top: int, link: str | None) -> Page:
        """Run the query over what the identity may read, from the link's position.

        Without subscriptions all are meant.
        """
        with self._lock:
            self.requests["graph"] += 1
            resources: dict[str, Mapping[str, str]] = {
                vault.resource_id: {} for vault in self._vaults.values()
            }
            resources |= {topic: {"source": source} for topic, source in self._topics.values()}
            asked = subscriptions or [resource_id.split("/")[2] for resource_id in resources]
            readable = {subscription.lower() for subscription in asked} - self._unread
        if not readable:
            raise RefusedError(
                400,
                "BadRequest",
                "Please provide below info when asking for support.",
                "NoValidSubscriptionsInQueryRequest",
            )
        return search(query, resources, readable, min(top, self.page_size), link)


def _kubeconfig(name: str, cluster: _Cluster) -> str:
    user = f"clusterUser_rg_{name}"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": [
            *("get-token", "--environment", "AzurePublicCloud", "--server-id", _AKS_SERVER),
            *("--client-id", _KUBELOGIN, "--tenant-id", TENANT, "--login", "devicecode"),
        ],
        "env": None,
        "provideClusterInfo": False,
    }
    place = {
        "certificate-authority-data": base64.b64encode(cluster.ca_pem).decode(),
        "server": cluster.server,
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"cluster": place, "name": name}],
            "contexts": [{"context": {"cluster": name, "user": user}, "name": name}],
            "current-context": name,
            "preferences": {},
            "users": [{"name": user, "user": {"exec": plugin}}],
        }
    )
