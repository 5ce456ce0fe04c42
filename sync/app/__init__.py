"""The use cases: events, passes, resync, status, explain and takeover, over many targets.

Owns the work queue, the known vaults and what an outcome looks like as JSON. Imports `reconcile`,
`projection` and `core`.
"""
