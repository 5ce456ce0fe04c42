"""Brings one target in step with its vault: observe, read the vault, decide, plan, write.

Owns the protocol that keeps an older value from replacing a newer one. Imports `projection`
and `core`.
"""
