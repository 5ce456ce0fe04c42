"""Turns a vault secret into keys: tags, the platform's rules, formats, types and certificates.

Owns where a secret goes and as which keys, as pure functions. Imports `core`.
"""
