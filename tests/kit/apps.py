"""The app over the parts that a test gives it."""

import re

from sync.adapters.azure.listed_vaults import ListedVaults
from sync.app.registry import VaultRegistry
from sync.app.use_cases import App
from sync.app.work_queue import Reconcile, Threads, WorkQueue
from sync.core.model import VaultName
from sync.core.ports import VaultDirectory
from sync.core.vault_names import DEFAULT_PATTERN, Naming
from sync.reconcile.reconciler import Reconciler

NAMING = Naming(re.compile(DEFAULT_PATTERN, re.IGNORECASE | re.ASCII))
ONE_BY_ONE = Threads(lanes=1, passes=1, fetchers=1, readers=1)
"""One thing at a time, so that it goes the same way again."""


def app_of(  # noqa: PLR0913 - what may differ
    reconciler: Reconciler,
    *listed: VaultName,
    directory: VaultDirectory | None = None,
    naming: Naming = NAMING,
    subscriptions: frozenset[str] = frozenset(),
    threads: Threads = ONE_BY_ONE,
    reconcile: Reconcile | None = None,
) -> App:
    """Return the app that reconciles so, and knows these vaults and those of the directory."""
    return App(
        naming=naming,
        registry=VaultRegistry(naming, directory or ListedVaults(listed), listed),
        subscriptions=subscriptions,
        work_queue=WorkQueue(reconcile or reconciler.reconcile, reconciler.now, threads),
        reconciler=reconciler,
        clock=reconciler.now,
    )
