"""Measures the sync against floors of the same run: `make bench`."""
