"""The model: long random histories of the real code over the emulators, and what holds in each."""
