"""Makes the door to each kind of cluster: where it is, by which login, and the remedy for both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azure.core.credentials import TokenCredential

from sync.adapters.kubernetes.cluster_config import (
    Aks,
    ClusterConfig,
    CredentialRef,
    Entra,
    KeptKubeconfig,
    KubeconfigFile,
    KubeconfigText,
    Login,
    Server,
)
from sync.adapters.kubernetes.connection import Connection, Endpoint, address
from sync.adapters.kubernetes.login import kubeconfig
from sync.adapters.kubernetes.login.cached import Cached, CachedValue, Fetch
from sync.adapters.kubernetes.login.entra_tokens import EntraTokens
from sync.adapters.kubernetes.login.stored_credentials import READ_EVERY, KeptSecrets
from sync.core.errors import Permanent, SyncError
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason

if TYPE_CHECKING:
    from sync.adapters.azure.aks import ClusterEndpoint

_PATIENCE = 5.0
_ARM_PATIENCE = 60.0
"""Azure Resource Manager is asked that often at most where an AKS cluster cannot be reached."""


@dataclass(frozen=True, slots=True)
class Azure:
    """What clusters may need of Azure; `another` makes a credential that has cached nothing."""

    vaults: Vaults
    credential: TokenCredential
    another: Callable[[], TokenCredential]
    managed_cluster: "Callable[[str, Deadline], ClusterEndpoint]"
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class ClusterLogin:
    """The way to one cluster; without a `login` the kubeconfig speaks for us.

    `remedy` says what to do about a login that is refused.
    """

    place: Cached[Endpoint]
    login: Cached[str] | None
    remedy: str
    moves: bool

    def open(self, deadline: Deadline) -> Connection:
        """Return the connection of the moment; raises Permanent or Transient."""
        return self._connection(self.place.get(deadline), deadline)

    def renewed(self, refused: Connection, deadline: Deadline) -> Connection:
        """Return a connection with another login than the one that was refused."""
        if self.login is None:
            return self._connection(self.place.instead_of(refused.endpoint, deadline), deadline)
        header = self.login.instead_of(refused.authorization or "", deadline)
        return Connection(self.place.get(deadline), header)

    def elsewhere(self, failed: Connection, deadline: Deadline) -> Connection | None:
        """Return a connection to where the cluster is by now; None where that is not known."""
        if not self.moves:
            return None
        try:
            endpoint = self.place.instead_of(failed.endpoint, deadline)
            return None if endpoint is failed.endpoint else self._connection(endpoint, deadline)
        except SyncError:  # the failure at hand is the one to tell of
            return None

    def _connection(self, endpoint: Endpoint, deadline: Deadline) -> Connection:
        header = self.login.get(deadline) if self.login else endpoint.authorization(deadline)
        return Connection(endpoint, header)


class ClusterLogins:
    """Makes the doors; those that log in for one audience share its token."""

    def __init__(self, azure: Azure | None, concurrency: int) -> None:
        self._azure = azure
        self._concurrency = concurrency
        self._tokens = EntraTokens(azure.credential, azure.another, azure.now) if azure else None
        self._kept = KeptSecrets(azure.vaults, azure.now) if azure else None

    def door(self, config: ClusterConfig) -> ClusterLogin:
        """Return the door to the cluster; nothing is read or asked yet."""
        match config.reach:
            case KubeconfigFile() | KubeconfigText():
                fetch = self._own_kubeconfig(config)
                return ClusterLogin(
                    Cached(fetch, _PATIENCE), None, _of_kubeconfig(config), moves=False
                )
            case KeptKubeconfig(secret):
                fetch = self._kept_kubeconfig(config, secret)
                place = Cached(fetch, _PATIENCE, self._given(self._azure).now)
                return ClusterLogin(place, None, _of_kubeconfig(config), moves=True)
            case Server(url, ca, login):
                place = Cached(self._server(config.name, url, ca), _PATIENCE)
                return ClusterLogin(
                    place, self._login(login), _of(login), moves=isinstance(ca, Path)
                )
            case Aks(resource_id, login):
                place = Cached(self._managed(resource_id), _ARM_PATIENCE)
                return ClusterLogin(place, self._login(login), _of(login), moves=True)

    def _login(self, login: Login) -> Cached[str]:
        if isinstance(login, Entra):
            return self._given(self._tokens).header(login.audience)
        fetch = self._given(self._kept).header(login)
        return Cached(fetch, _PATIENCE, self._given(self._azure).now)

    def _own_kubeconfig(self, config: ClusterConfig) -> Fetch[Endpoint]:
        text = config.reach.text if isinstance(config.reach, KubeconfigText) else None

        opened = kubeconfig.opening(config, text, self._concurrency)

        def fetch(_refused: Endpoint | None, deadline: Deadline) -> CachedValue[Endpoint]:
            return CachedValue(opened(deadline))

        return fetch

    def _kept_kubeconfig(self, config: ClusterConfig, secret: CredentialRef) -> Fetch[Endpoint]:
        now, kept = self._given(self._azure).now, self._given(self._kept)

        def made(text: str) -> Endpoint:
            return kubeconfig.endpoint(config, text, self._concurrency)

        latest = _Latest(made)

        def fetch(_refused: Endpoint | None, deadline: Deadline) -> CachedValue[Endpoint]:
            return CachedValue(latest.of(kept.text(secret, deadline)), now() + READ_EVERY)

        return fetch

    def _server(self, name: str, url: str, ca: str | Path | None) -> Fetch[Endpoint]:
        latest = _Latest[str | None](lambda pem: address(url, pem, self._concurrency))

        def fetch(_refused: Endpoint | None, _deadline: Deadline) -> CachedValue[Endpoint]:
            return CachedValue(latest.of(_read(name, ca) if isinstance(ca, Path) else ca))

        return fetch

    def _managed(self, resource_id: str) -> Fetch[Endpoint]:
        ask = self._given(self._azure).managed_cluster

        def made(found: "ClusterEndpoint") -> Endpoint:
            return address(found.server, found.ca_pem, self._concurrency)

        latest = _Latest(made)

        def fetch(_refused: Endpoint | None, deadline: Deadline) -> CachedValue[Endpoint]:
            return CachedValue(latest.of(ask(resource_id, deadline)))

        return fetch

    @staticmethod
    def _given[T](azure: T | None) -> T:
        assert azure is not None, "a cluster of this kind needs Azure"
        return azure


class _Latest[T]:
    """The endpoint made of the newest source; the same one while its source is the same."""

    def __init__(self, make: Callable[[T], Endpoint]) -> None:
        self._make = make
        self._made: tuple[T, Endpoint] | None = None

    def of(self, source: T) -> Endpoint:
        """Return the endpoint of that source."""
        if self._made is None or self._made[0] != source:
            self._made = source, self._make(source)
        return self._made[1]


def _read(name: str, ca: Path) -> str:
    try:
        pem = ca.expanduser().read_text("ascii")
    except (OSError, ValueError):
        pem = ""
    if "-----BEGIN CERTIFICATE-----" in pem:
        return pem
    raise Permanent(
        Reason.CLUSTER_CONFIG,
        f"The file {ca}, which SYNC_CLUSTERS names as ca of cluster {name}, cannot be read or is "
        f"no PEM certificate. Look: openssl x509 -noout -subject -in {ca}",
    )


def _of(login: Login) -> str:
    match login:
        case Entra(audience):
            return (
                "The cluster has to take Entra tokens of audience "
                f"{audience}: an AKS cluster does with az aks update --enable-aad, another one "
                "with structured authentication or --oidc-client-id (docs/clusters.md)."
            )
        case CredentialRef(vault, secret):
            return (
                f"Put a new token into secret {login}: az keyvault secret set --vault-name {vault} "
                f'--name {secret} --value "$(kubectl create token keyvault-sync --namespace '
                'NAMESPACE --duration 8760h)"'
            )


def _of_kubeconfig(config: ClusterConfig) -> str:
    match config.reach:
        case KeptKubeconfig(secret):
            where = f"that is in secret {secret}"
        case _:
            where = "of SYNC_CLUSTERS or KUBECONFIG"
    return f"Renew the token, client certificate or log-in in the kubeconfig {where}."
