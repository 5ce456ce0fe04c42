"""The use cases: events, passes, resync, status, explain and takeover, over many targets.

Owns the work queue and the known vaults. Imports `reconcile`, `projection` and `core`.
"""
