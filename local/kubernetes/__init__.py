"""A Kubernetes API server for namespaces and Secrets, on loopback."""

from local.kubernetes.authorization import Rule
from local.kubernetes.cluster import Cluster
from local.kubernetes.credentials import kubeconfig
from local.kubernetes.registry import Write
from local.kubernetes.server import kubernetes_app

__all__ = ["Cluster", "Rule", "Write", "kubeconfig", "kubernetes_app"]
