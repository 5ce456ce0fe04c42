"""Clusters through the Kubernetes API: Secrets, access reviews, and their errors.

Imports `adapters.wire` and the packages below `adapters`.
"""
