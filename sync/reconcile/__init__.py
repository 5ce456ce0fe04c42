"""Syncs one target with its vault: observe, read the vault, decide, plan, write.

Owns the protocol that prevents an older value from replacing a newer one. Imports `projection` and
`core`.
"""
