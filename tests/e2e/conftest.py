"""Fixtures of the end-to-end tests: those of the functional ones, on a stack of their own."""

from tests.functional.conftest import host, stack, world

__all__ = ["host", "stack", "world"]
