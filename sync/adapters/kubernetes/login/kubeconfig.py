"""Finds a cluster through a kubeconfig in a file, in the settings or in a Key Vault secret."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from pathlib import Path

from sync.adapters.kubernetes.address import Address, AddressError, checked, connect
from sync.adapters.kubernetes.connection import Endpoint
from sync.adapters.kubernetes.kubeconfig_data import UNREADABLE, parse
from sync.adapters.kubernetes.login.endpoints import EndpointSource
from sync.adapters.kubernetes.login.tokens import READ_EVERY, StoredSecret
from sync.core.ports import Deadline

_LOG = logging.getLogger("keyvault-sync")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A cluster's kubeconfig: how its text is read, and which context is used.

    `place` and `trial` are for messages: where it is, and the start of a command that tries it.
    `may_change` is false if `read` always returns the same text. `read_every` is in seconds.
    """

    cluster: str
    context: str | None
    place: str
    trial: str
    read: Callable[[Deadline], str] = field(repr=False)
    may_change: bool = True
    read_every: float = inf

    @classmethod
    def in_file(cls, cluster: str, context: str | None, path: str) -> "Kubeconfig":
        """Return a kubeconfig in a file."""
        trial = f"kubectl --kubeconfig {path}"
        return cls(cluster, context, path, trial, lambda _deadline: _content(path))

    @classmethod
    def in_settings(cls, cluster: str, context: str | None, text: str) -> "Kubeconfig":
        """Return a kubeconfig whose text is in the settings."""
        place, trial = "in SYNC_CLUSTERS", "save it as a file; kubectl --kubeconfig FILE"
        return cls(cluster, context, place, trial, lambda _deadline: text, may_change=False)

    @classmethod
    def in_vault(cls, cluster: str, context: str | None, secret: StoredSecret) -> "Kubeconfig":
        """Return a kubeconfig in a Key Vault secret."""
        trial = (
            f"az keyvault secret show --vault-name {secret.ref.vault} --name {secret.ref.secret} "
            "--query value --output tsv > kubeconfig; kubectl --kubeconfig kubeconfig"
        )
        place = f"in secret {secret.ref}"
        return cls(cluster, context, place, trial, secret.read, read_every=READ_EVERY)

    @property
    def remedy(self) -> str:
        """What to do if the cluster refuses its login."""
        return f"Renew the token, client certificate or log-in in the kubeconfig {self.place}."

    def checked(self, make: Callable[[], Endpoint]) -> Endpoint:
        """Return the endpoint that `make` returns; turns its AddressError into Permanent."""
        chosen = f" --context {self.context}" if self.context else ""
        what = f"The kubeconfig {self.place} for cluster {self.cluster}"
        return checked(make, what, f"Try it: {self.trial}{chosen} get --raw /version")

    def connect(self, address: Address) -> Endpoint:
        """Return the endpoint; log a warning if TLS verification is off; raises AddressError."""
        if not address.verified:
            _LOG.warning(
                "The kubeconfig of cluster %s turns the server's verification off "
                "(insecure-skip-tls-verify): whoever answers there is given the secrets. "
                "Give it the cluster's certificate-authority-data.",
                self.cluster,
            )
        return connect(address)


def kubeconfig_endpoint(own: Kubeconfig, now: Callable[[], float] = time.time) -> EndpointSource:
    """Return the source that reads the kubeconfig, whose endpoints have the kubeconfig's login."""
    cached = lru_cache(maxsize=1)(own.connect)

    def fetch(deadline: Deadline) -> Endpoint:
        endpoint = own.checked(lambda: cached(parse(own.read(deadline), own.context)))
        return replace(endpoint, renew_at=now() + own.read_every)

    return EndpointSource(fetch, own.may_change)


def _content(path: str) -> str:
    if os.pathsep in path:
        raise AddressError("KUBECONFIG is a list of files, and the app reads one")
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, ValueError, RuntimeError):
        raise AddressError(UNREADABLE) from None
