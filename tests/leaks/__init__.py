"""Plants secrets' values that are unmistakable, and finds them again wherever they are told."""
