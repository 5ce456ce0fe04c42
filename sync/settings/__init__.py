"""The environment variables, in one table: what each means, its default and how it is read.

Imports `adapters` and what lies below it.
"""
