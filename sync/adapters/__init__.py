"""The ports on real clients: Key Vault, the Kubernetes API and the clusters' credentials."""
