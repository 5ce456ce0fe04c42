"""How each kind of cluster is found and logged in to: endpoints, tokens, and how long they hold.

Imports `adapters.azure`, `adapters.wire` and the packages below `adapters`.
"""
