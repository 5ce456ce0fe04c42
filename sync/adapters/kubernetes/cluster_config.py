"""The settings' clusters: how each is reached and logged in to."""

from dataclasses import dataclass, field
from pathlib import Path

AKS_AUDIENCE = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The application id of AKS, the same in every cloud."""


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """A Key Vault secret that holds a credential, in any vault."""

    vault: str
    secret: str

    def __str__(self) -> str:
        return f"{self.secret!r} of vault {self.vault}"


@dataclass(frozen=True, slots=True)
class Entra:
    """Log in with an Entra token of the app's identity for this audience."""

    audience: str = AKS_AUDIENCE


type Login = Entra | CredentialRef
"""A CredentialRef leads to the token of a ServiceAccount."""


@dataclass(frozen=True, slots=True)
class Aks:
    """An AKS cluster, whose endpoint and certificate authority are looked up in Azure."""

    resource_id: str
    login: Login = Entra()


@dataclass(frozen=True, slots=True)
class Server:
    """An API server by its URL.

    `ca` is its certificate authority, in PEM or a file; None means the system's authorities.
    """

    url: str
    ca: str | Path | None = field(default=None, repr=False)
    login: Login = Entra()


@dataclass(frozen=True, slots=True)
class KubeconfigFile:
    """A kubeconfig file; `path` None means `KUBECONFIG`, else `~/.kube/config`."""

    path: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class KubeconfigText:
    """A kubeconfig in the settings themselves, YAML or JSON."""

    text: str = field(repr=False)
    context: str | None = None


@dataclass(frozen=True, slots=True)
class StoredKubeconfig:
    """A kubeconfig in a Key Vault secret."""

    secret: CredentialRef
    context: str | None = None


type Kubeconfig = KubeconfigFile | KubeconfigText | StoredKubeconfig
type Reach = Aks | Server | Kubeconfig


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """A cluster's name in the settings, and how it is reached."""

    name: str
    reach: Reach = KubeconfigFile()
