"""Takes texts out of JSON that somebody else wrote, where its types promise more than it holds."""

from collections.abc import Mapping


def text(value: object) -> str:
    """Return a text; raises TypeError for anything else, which it does not quote."""
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def texts(found: Mapping[str, object] | None) -> Mapping[str, str]:
    """Return texts by name, none for null; raises TypeError."""
    return {name: text(value) for name, value in (found or {}).items()}
