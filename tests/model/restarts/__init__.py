"""The model of workloads: histories in which readers run, and which of them the app restarts."""
