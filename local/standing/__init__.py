"""The local stack as a background process to experiment with: `make up`, `shell` and `down`."""
