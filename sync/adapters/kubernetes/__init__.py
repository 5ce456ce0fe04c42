"""Clusters through the Kubernetes client: Secrets, access reviews and errors.

Imports `adapters.wire` and the packages below `adapters`.
"""
