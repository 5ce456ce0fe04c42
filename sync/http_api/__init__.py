"""The HTTP API: a dataclass for each answer, its JSON, OpenAPI and examples, and who calls.

Imports `adapters` and what lies below it.
"""
