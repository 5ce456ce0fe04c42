"""Azure Resource Manager on loopback: endpoints of AKS clusters, and the search for vaults."""

from local.arm.manager import ResourceManager
from local.arm.server import HOST, RESOURCE, resource_manager_app

__all__ = ["HOST", "RESOURCE", "ResourceManager", "resource_manager_app"]
