"""Key Vault Sync: what an Azure Key Vault holds is what the Kubernetes namespace holds."""
