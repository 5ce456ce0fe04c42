"""Bounds on what a server may answer: how long it may take, how large it is, how deep it nests.

Imports `core`.
"""
