"""Turns a vault secret into keys: tags, the platform's rules, formats, types and certificates.

Decides where a secret goes and as which keys. Imports `core`.
"""
