"""Clusters through the Kubernetes API: Secrets, access reviews and errors.

Imports `adapters.wire` and the packages below `adapters`.
"""
