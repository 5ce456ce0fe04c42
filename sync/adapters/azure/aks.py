"""Looks up an AKS cluster's API server and certificate authority in Azure Resource Manager."""

import re
from base64 import b64decode
from dataclasses import dataclass

import yaml

from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.adapters.wire.safe_yaml import read_yaml
from sync.core.ports import Deadline

ROLE = "Azure Kubernetes Service Cluster User Role"

_API_VERSION = "2025-05-01"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MANAGED = re.compile(
    rf"/subscriptions/{_UUID}/resourceGroups/[\w.()-]{{0,89}}[\w()-]"
    r"/providers/Microsoft\.ContainerService/managedClusters/[a-z0-9](?:[\w-]{0,61}[a-z0-9])?",
    re.IGNORECASE | re.ASCII,
)
_ARC = "/providers/microsoft.kubernetes/connectedclusters/"


@dataclass(frozen=True, slots=True)
class ClusterEndpoint:
    """The URL of an API server and its certificate authority in PEM."""

    server: str
    ca_pem: str


def resource_id(text: str) -> str:
    """Return the text if it is an AKS cluster's resource id.

    Raises ValueError, whose message says which form is right.
    """
    if _ARC in text.lower():
        raise ValueError(
            "an Arc-enabled cluster is reached through Azure only by a program that would have to "
            "run beside this app; give its API server as server and its authority as ca instead"
        )
    if not _MANAGED.fullmatch(text):
        raise ValueError(
            "it must be the resource id of an AKS cluster, as "
            "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService"
            "/managedClusters/NAME (az aks list --query '[].id' --output tsv)"
        )
    return text


def managed_cluster_endpoint(
    arm: ResourceManager, cluster: str, deadline: Deadline
) -> ClusterEndpoint:
    """Return the endpoint of the AKS cluster with that resource id; raises Permanent or Transient.

    It is read from the kubeconfig that the service returns, which for a private cluster has the
    private host name. The kubeconfig's user is ignored: it is a plugin to run if the cluster uses
    Entra ID, else a shared certificate.
    https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
    """
    answer = arm.ask(_question(cluster), deadline)
    try:
        return _endpoint(answer)
    except (ValueError, yaml.YAMLError) as error:
        failure = arm.broken(f"{type(error).__name__} in its kubeconfig")
    raise failure  # outside the except clause: a YAML error holds the document


def _question(cluster: str) -> Question:
    return Question(
        f"{cluster}/listClusterUserCredential",
        _API_VERSION,
        forbidden="Let the app's identity ask for the cluster's endpoint: az role assignment "
        f'create --role "{ROLE}" --assignee IDENTITY --scope {cluster}',
        missing=f"There is no AKS cluster {cluster}: correct its resource id in SYNC_CLUSTERS "
        "(az aks list --query '[].id' --output tsv).",
    )


def _endpoint(answer: object) -> ClusterEndpoint:
    match answer:
        case {"kubeconfigs": [{"value": str(encoded)}, *_]}:
            kubeconfig: object = read_yaml(b64decode(encoded))
        case _:
            raise ValueError("no kubeconfig")
    match kubeconfig:
        case {
            "clusters": [
                {"cluster": {"server": str(server), "certificate-authority-data": str(authority)}}
            ]
        } if server.startswith("https://"):
            return ClusterEndpoint(server, b64decode(authority).decode("ascii"))
        case _:
            raise ValueError("no server with an authority")
