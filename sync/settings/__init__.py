"""The environment variables: their names, defaults and how each is read.

Imports `adapters` and what lies below it.
"""
