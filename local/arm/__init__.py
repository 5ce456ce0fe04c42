"""Azure Resource Manager on loopback: AKS clusters, the search for vaults, event subscriptions."""

from local.arm.events import webhook
from local.arm.manager import ResourceManager
from local.arm.refusals import RefusedError
from local.arm.server import HOST, RESOURCE, resource_manager_app

__all__ = ["HOST", "RESOURCE", "RefusedError", "ResourceManager", "resource_manager_app", "webhook"]
