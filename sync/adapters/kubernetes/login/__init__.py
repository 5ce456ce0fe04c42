"""Where each kind of cluster is and how the app logs in: sources of endpoints and of tokens.

Imports `adapters.azure`, `adapters.wire` and the packages below `adapters`.
"""
