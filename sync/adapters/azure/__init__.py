"""Azure through its SDKs: Key Vault, Resource Graph, Resource Manager and identity.

Imports `adapters.wire` and the packages below `adapters`.
"""
