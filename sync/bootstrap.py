"""Builds the app, once for the process: no other place makes clients or reads the environment."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING

from azure.core.credentials import TokenCredential

from sync.adapters.azure.aks import managed_cluster_endpoint
from sync.adapters.azure.identity import log_in
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.listed_vaults import ListedVaults
from sync.adapters.azure.portal import vault_page
from sync.adapters.azure.resource_graph import ResourceGraph
from sync.adapters.azure.resource_manager import ResourceManager, host_of_cloud
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.login.factory import Azure, KubeconfigFiles
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.app.registry import VaultRegistry
from sync.app.use_cases import App
from sync.app.work_queue import Reconcile, WorkQueue
from sync.core.changes import SyncedSecret
from sync.core.model import Target, VaultName
from sync.core.ports import Deadline, Pages, no_pages
from sync.reconcile.counts import as_stored
from sync.reconcile.reconciler import Reconciler
from sync.settings import environment as settings_of
from sync.settings.model import Settings
from sync.settings.ncrontab import next_run

if TYPE_CHECKING:
    from sync.app.application_works import ApplicationWorks
    from sync.doctor.doctor import Doctor
    from sync.rollout.restarter import Restarter
    from sync.rollout.workloads import Place

_BUILDING = Lock()
_LOOKS = 8  # how many namespaces' workloads are looked at at once


@cache
def settings() -> Settings:
    """Return the process's settings; raises SettingsError."""
    return settings_of.read(os.environ)


@cache
def platform_authenticates() -> bool:
    """Tell whether callers reach this process only through App Service authentication."""
    return settings_of.platform_authenticates(os.environ)


def app(*, command_line: bool = False) -> App:
    """Return the app of this process, the same to every thread; raises SettingsError.

    On the command line a kubeconfig file may run plugins and name other files.
    """
    return _process(command_line=command_line).app


def restarter() -> "Restarter | None":
    """Return what restarts workloads in this process; None if the settings restart nothing."""
    return _process(command_line=False).restarter


def build(given: Settings, *, command_line: bool = False) -> App:
    """Build an app on real clients."""
    clients = _clients(given, command_line=command_line)
    return _assemble(given, clients, _restarter(given, clients))


def doctor(*, command_line: bool = False) -> "Doctor":
    """Return the examination of this process's app, with its clients; raises SettingsError."""
    from sync.adapters.azure.app_site import AppSite  # noqa: PLC0415 - the app starts without
    from sync.adapters.azure.event_subscriptions import EventSubscriptions  # noqa: PLC0415 - likewise
    from sync.adapters.azure.vault_resources import VaultDetails  # noqa: PLC0415 - likewise
    from sync.adapters.kubernetes.access_reviews import ClusterAccess, SignIn  # noqa: PLC0415 - likewise
    from sync.doctor.doctor import Doctor  # noqa: PLC0415 - likewise

    given, process = settings(), _process(command_line=command_line)
    login = SignIn(process.clients.credential, f"https://{given.dns_suffix}")
    access = ClusterAccess(process.clients.clusters)
    arm = process.clients.arm
    site = AppSite.of(os.environ)
    routes = None if command_line else EventSubscriptions(arm, site, given.subscriptions)
    return Doctor(
        process.app,
        process.clients.vaults,
        login,
        access,
        given.rules,
        routes,
        VaultDetails(arm, given.subscriptions),
    )


@dataclass(frozen=True, slots=True)
class _Process:
    """The clients of this process, and the app on them."""

    clients: "_Clients"
    app: App
    restarter: "Restarter | None"


def _process(*, command_line: bool) -> _Process:
    with _BUILDING:
        return _built(command_line)


@cache
def _built(command_line: bool) -> _Process:  # noqa: FBT001 - `cache` takes it so
    given = settings()
    clients = _clients(given, command_line=command_line)
    restarter = _restarter(given, clients)
    return _Process(clients, _assemble(given, clients, restarter), restarter)


@dataclass(frozen=True, slots=True)
class _Clients:
    """What speaks to Azure and to the clusters."""

    credential: TokenCredential
    vaults: KeyVaults
    arm: ResourceManager
    clusters: Clusters


def _clients(given: Settings, *, command_line: bool) -> _Clients:
    another = log_in(os.environ)
    credential = another()
    vaults = KeyVaults(credential, given.dns_suffix, given.rules.reads)
    arm = ResourceManager(credential, host_of_cloud(given.dns_suffix))
    azure = Azure(vaults, credential, another, partial(managed_cluster_endpoint, arm))
    clusters = Clusters(given.clusters, azure, files=_kubeconfig_files(command_line=command_line))
    return _Clients(credential, vaults, arm, clusters)


def _kubeconfig_files(*, command_line: bool) -> KubeconfigFiles:
    default = os.environ.get("KUBECONFIG") or KubeconfigFiles().default
    if not command_line:
        return KubeconfigFiles(default)
    from sync.adapters.kubernetes.login.local_kubeconfig import local_kubeconfig  # noqa: PLC0415 - the app does without its package

    return KubeconfigFiles(default, local_kubeconfig)


def _restarter(given: Settings, clients: _Clients) -> "Restarter | None":
    if not given.restarts.on:
        return None
    from sync.adapters.kubernetes.workloads import KubernetesWorkloads  # noqa: PLC0415 - off by default
    from sync.rollout.restarter import Restarter  # noqa: PLC0415 - likewise
    from sync.settings.restarts import is_open  # noqa: PLC0415 - likewise

    cluster = KubernetesSecrets(clients.clusters)

    def stored(place: "Place", secret: str, deadline: Deadline) -> SyncedSecret | None:
        target = Target(VaultName(""), place.cluster, place.namespace, secret)
        actual = cluster.read(target, deadline)
        return None if actual is None else as_stored(secret, actual)

    return Restarter(
        KubernetesWorkloads(clients.clusters, time.monotonic),
        stored,
        given.restarts,
        time.time,
        partial(is_open, given.restarts.windows),
        ThreadPoolExecutor(_LOOKS, "workloads"),
    )


def _assemble(given: Settings, clients: _Clients, restarter: "Restarter | None" = None) -> App:
    cluster = KubernetesSecrets(clients.clusters)
    directory = _directory(given, clients.arm)
    reconciler = Reconciler(
        clients.vaults,
        cluster,
        time.time,
        given.prune,
        rules=given.rules,
        pages=_pages(given, directory),
        counting=given.restarts.on,
    )
    registry = VaultRegistry(given.naming, directory, given.vaults)
    reconcile: Reconcile = reconciler.reconcile
    applications = None
    if given.applications:
        reconcile, applications = _applications(given, clients, reconciler, registry)
    return App(
        naming=given.naming,
        registry=registry,
        subscriptions=given.subscriptions,
        work_queue=WorkQueue(reconcile, time.monotonic),
        reconciler=reconciler,
        clock=time.monotonic,
        next_pass=lambda: next_run(given.schedule, time.time()),
        strays=given.strays,
        readers=restarter.readers_of if restarter else None,
        applications=applications,
    )


def _applications(
    given: Settings, clients: _Clients, reconciler: Reconciler, registry: VaultRegistry
) -> "tuple[Reconcile, ApplicationWorks]":
    """Return what reconciles the Secrets of applications, too, and what finds them."""
    from sync.adapters.azure.prepared_secrets import PreparedSecrets  # noqa: PLC0415 - only if set
    from sync.adapters.kubernetes.applications import KubernetesApplications  # noqa: PLC0415 - likewise
    from sync.app.application_works import ApplicationWorks  # noqa: PLC0415 - likewise
    from sync.applications.directory import ApplicationDirectory  # noqa: PLC0415 - likewise
    from sync.applications.reconciling import ApplicationReconciler  # noqa: PLC0415 - likewise

    objects = KubernetesApplications(clients.clusters)
    kinds = {str(kind): kind for kind in given.applications}
    preparer = PreparedSecrets(clients.vaults) if given.prepare else None
    directory = ApplicationDirectory(
        given.applications,
        objects,
        lambda own: given.naming.targets(own.vault),
        registry.neighbours,
        time.monotonic,
    )
    return (
        ApplicationReconciler(reconciler, kinds, objects, preparer),
        ApplicationWorks(directory, registry),
    )


def _pages(given: Settings, directory: ListedVaults | ResourceGraph) -> Pages:
    """Return the pages of the vaults that a search has found: it tells their resource groups."""
    if not isinstance(directory, ResourceGraph):
        return no_pages

    def page(vault: VaultName) -> str | None:
        row = directory.row(vault)
        return None if row is None else vault_page(given.dns_suffix, row.id, row.tenant)

    return page


def _directory(given: Settings, arm: ResourceManager) -> ListedVaults | ResourceGraph:
    if not given.discovery:
        return ListedVaults(given.vaults, given.dns_suffix)
    return ResourceGraph(arm, given.naming, given.subscriptions, given.vaults)
