"""Makes the endpoint and token sources for each cluster of the settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from azure.core.credentials import TokenCredential

from sync.adapters.kubernetes.cluster_config import (
    Aks,
    ClusterConfig,
    CredentialRef,
    Entra,
    KubeconfigFile,
    KubeconfigText,
    Login,
    Server,
    StoredKubeconfig,
)
from sync.adapters.kubernetes.login.cluster_login import ClusterLogin
from sync.adapters.kubernetes.login.endpoints import (
    AskAzure,
    EndpointSource,
    aks_endpoint,
    server_endpoint,
)
from sync.adapters.kubernetes.login.kubeconfig import Kubeconfig, kubeconfig_endpoint
from sync.adapters.kubernetes.login.tokens import EntraToken, StoredSecret, StoredToken
from sync.adapters.wire.bearer import Token
from sync.adapters.wire.cached import Cached
from sync.core.ports import Vaults

_PATIENCE = 5.0
_ARM_PATIENCE = 60.0
"""Seconds between two lookups of an AKS cluster that cannot be reached."""
_ENTRA_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Azure:
    """What clusters may need from Azure; `another` makes a credential with an empty cache."""

    vaults: Vaults
    credential: TokenCredential
    another: Callable[[], TokenCredential]
    managed_cluster: AskAzure
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class KubeconfigFiles:
    """How kubeconfig files are read; `default` is the path if the settings name none."""

    default: str = "~/.kube/config"
    source: Callable[[Kubeconfig], EndpointSource] = kubeconfig_endpoint


class ClusterLogins:
    """Makes the logins of clusters; those with the same Entra audience share its token."""

    def __init__(self, azure: Azure | None, files: KubeconfigFiles) -> None:
        self._given = azure
        self._files = files
        self._entra: dict[str, tuple[Cached[Token], str]] = {}

    def login(self, config: ClusterConfig) -> ClusterLogin:
        """Return the cluster's login, without reading or requesting anything yet."""
        name = config.name
        match config.reach:
            case KubeconfigFile(path, context):
                own = Kubeconfig.in_file(name, context, path or self._files.default)
                return _with_own_login(self._files.source(own), own)
            case KubeconfigText(text, context):
                own = Kubeconfig.in_settings(name, context, text)
                return _with_own_login(kubeconfig_endpoint(own), own)
            case StoredKubeconfig(ref, context):
                now, secret = self._azure.now, StoredSecret(self._azure.vaults, ref)
                own = Kubeconfig.in_vault(name, context, secret)
                return _with_own_login(kubeconfig_endpoint(own, now), own, now)
            case Server(_, _, login) as server:
                return self._with_token(server_endpoint(name, server), _PATIENCE, login)
            case Aks(resource_id, login):
                source = aks_endpoint(self._azure.managed_cluster, resource_id)
                return self._with_token(source, _ARM_PATIENCE, login)

    @property
    def _azure(self) -> Azure:
        assert self._given is not None, "only a kubeconfig in a file or setting does without Azure"
        return self._given

    def _with_token(self, source: EndpointSource, patience: float, login: Login) -> ClusterLogin:
        token, remedy = self._token(login)
        return ClusterLogin(Cached(source.fetch, patience), token, remedy, source.may_move)

    def _token(self, login: Login) -> tuple[Cached[Token], str]:
        azure = self._azure
        match login:
            case CredentialRef():
                stored = StoredToken(StoredSecret(azure.vaults, login), azure.now)
                return Cached(stored.fetch, _PATIENCE, now=azure.now), stored.remedy
            case Entra(audience):
                if audience not in self._entra:
                    entra = EntraToken(audience, azure.credential, azure.another, azure.now)
                    cached = Cached(entra.fetch, _ENTRA_PATIENCE, entra.reset, azure.now)
                    self._entra[audience] = cached, entra.remedy
                return self._entra[audience]


def _with_own_login(
    source: EndpointSource, kubeconfig: Kubeconfig, now: Callable[[], float] = time.time
) -> ClusterLogin:
    endpoint = Cached(source.fetch, _PATIENCE, now=now)
    return ClusterLogin(endpoint, None, kubeconfig.remedy, source.may_move)
