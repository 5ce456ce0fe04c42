"""Implements the ports with real clients: Key Vault, Azure Resource Manager and Kubernetes."""
