"""Shared by all connections: TLS trust, and limits on the time, size and depth of an answer.

Imports `core`.
"""
