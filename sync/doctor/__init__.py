"""Checks settings, vaults, clusters and permissions, and names the fix for each fault.

Imports `app` and what lies below it.
"""
