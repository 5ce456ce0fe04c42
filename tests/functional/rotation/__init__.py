"""A rehearsed rotation on the local stack, recorded for docs/compare.md."""
