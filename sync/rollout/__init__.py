"""Restarts what reads a changed key: which workloads, in which order, and what they remember.

It imports the core alone. The app calls it once the Secrets of a namespace are written; without
SYNC_RESTART nothing imports it. What it needs of the clusters is the port `Workloads`.
"""
