"""Builds the app, once for the process: no other place makes clients or reads the environment."""

import os
import time
from functools import cache
from threading import Lock

from azure.identity import DefaultAzureCredential

from sync import settings as settings_of
from sync.adapters.clusters import Clusters
from sync.adapters.key_vault import KeyVaults
from sync.adapters.kubernetes import KubernetesSecrets
from sync.app import App, claims
from sync.fleet import Fleet
from sync.reconcile import Reconciler
from sync.settings import Settings

_BUILDING = Lock()


@cache
def settings() -> Settings:
    """Return the process's settings; raises SettingsError."""
    return settings_of.read(os.environ)


def app() -> App:
    """Return the app of this process, the same to every thread; raises SettingsError."""
    with _BUILDING:
        return _app()


@cache
def _app() -> App:
    return build(settings())


def build(given: Settings) -> App:
    """Build an app on real clients."""
    cluster = KubernetesSecrets(Clusters(given.clusters))
    credential = DefaultAzureCredential(retry_total=1, connection_timeout=3, read_timeout=5)
    vaults = KeyVaults(credential, given.dns_suffix)
    reconciler = Reconciler(vaults, cluster, time.time, given.prune)
    return App(
        naming=given.naming,
        vaults=given.vaults,
        claims=claims(given.naming, given.vaults),
        subscriptions=given.subscriptions,
        fleet=Fleet(reconciler.reconcile, time.monotonic),
        cluster=cluster,
        clock=time.monotonic,
    )
