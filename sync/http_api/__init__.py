"""The HTTP API as it is described: schemas, examples, OpenAPI, and who calls.

Imports `adapters` and what lies below it.
"""
