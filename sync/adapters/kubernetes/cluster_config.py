"""How each cluster is reached and logged in to, as the settings say it."""

from dataclasses import dataclass, field
from pathlib import Path

AKS_AUDIENCE = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The application that stands for every AKS cluster, in every cloud."""


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """A Key Vault secret that holds a credential; its vault need not be one that is synced."""

    vault: str
    secret: str

    def __str__(self) -> str:
        return f"{self.secret!r} of vault {self.vault}"


@dataclass(frozen=True, slots=True)
class Entra:
    """Log in with a token that Entra gives the app's identity for the audience."""

    audience: str = AKS_AUDIENCE


type Login = Entra | CredentialRef
"""The secret of a reference holds a ServiceAccount's token."""


@dataclass(frozen=True, slots=True)
class Aks:
    """An AKS cluster: Azure tells its endpoint and its certificate authority."""

    resource_id: str
    login: Login = Entra()


@dataclass(frozen=True, slots=True)
class Server:
    """An API server by its URL.

    `ca` is its certificate authority, as PEM or in a file; without one the system's are trusted.
    """

    url: str
    ca: str | Path | None = field(default=None, repr=False)
    login: Login = Entra()


@dataclass(frozen=True, slots=True)
class KubeconfigFile:
    """A kubeconfig in a file; without a path what `KUBECONFIG` names, else `~/.kube/config`."""

    path: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class KubeconfigText:
    """A kubeconfig that is in the settings themselves, YAML or JSON."""

    text: str = field(repr=False)
    context: str | None = None


@dataclass(frozen=True, slots=True)
class StoredKubeconfig:
    """A whole kubeconfig that a Key Vault secret holds."""

    secret: CredentialRef
    context: str | None = None


type Kubeconfig = KubeconfigFile | KubeconfigText | StoredKubeconfig
type Reach = Aks | Server | Kubeconfig


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """A cluster's name in the settings, and the way to it."""

    name: str
    reach: Reach = KubeconfigFile()
