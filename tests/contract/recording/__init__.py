"""Conversations with an API server, and what a real one answered: the emulator is held to that."""
