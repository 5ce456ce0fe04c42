"""Writes those parts of the documents that the code already says: `make docs`."""
