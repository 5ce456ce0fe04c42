"""Finds each cluster's API server and logs in to it: sources of endpoints and of tokens.

Imports `adapters.azure`, `adapters.wire` and the packages below `adapters`.
"""
