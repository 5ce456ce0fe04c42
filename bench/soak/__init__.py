"""Runs the app under load and faults, and checks the results: `make soak`."""
