"""What holds for every connection: whom it trusts, and how long, large and deep an answer may be.

Imports `core`.
"""
