"""Removes the marks that editors and shells put in front of a text."""

_MARKS = ("\ufeff", "\u00ef\u00bb\u00bf")
"""The byte order mark, and its three bytes as a program shows them that takes them for Latin-1."""


def without_mark(text: str) -> str:
    """Return the text without one byte order mark at its start."""
    for mark in _MARKS:
        if text.startswith(mark):
            return text[len(mark) :]
    return text
