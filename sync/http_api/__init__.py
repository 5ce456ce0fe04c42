"""The HTTP API: one dataclass an answer, of which JSON, OpenAPI and examples are made; who calls.

Imports `adapters` and what lies below it.
"""
