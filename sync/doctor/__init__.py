"""Examines settings, vaults, clusters and rights, and names what mends each fault.

Imports `app` and what lies below it.
"""
