"""A Kubernetes API server for namespaces, Secrets, Roles and workloads, on loopback."""

from local.kubernetes.authorization import Rule
from local.kubernetes.cluster import AnyCluster, Cluster
from local.kubernetes.credentials import kubeconfig
from local.kubernetes.options import Write
from local.kubernetes.server import kubernetes_app

__all__ = ["AnyCluster", "Cluster", "Rule", "Write", "kubeconfig", "kubernetes_app"]
