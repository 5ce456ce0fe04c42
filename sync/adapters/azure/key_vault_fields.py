"""Parses the fields that a secret has in every answer of a vault."""

from collections.abc import Callable, Mapping

type ReadsTag = Callable[[str], bool]
"""Returns whether any rule looks at a tag of that name; other tags are dropped."""

_YEAR_10000 = 253_402_300_800  # epoch seconds


class Odd(Exception):
    """Why a secret is malformed: the end of a phrase "a secret with …"."""


def attributes_of(found: Mapping[str, object]) -> Mapping[str, object]:
    """Return the attributes of a secret or a version; raises Odd."""
    attributes = found.get("attributes")
    if not isinstance(attributes, dict):
        raise Odd("no attributes")
    return attributes


def is_enabled(attributes: Mapping[str, object]) -> bool:
    """Return whether the secret is enabled; it is if nothing says otherwise."""
    enabled = attributes.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise Odd("an enabled that is neither true nor false")
    return enabled is not False


def seconds(attributes: Mapping[str, object], name: str) -> int:
    """Return a time that has to be there, in epoch seconds; raises Odd."""
    moment = time_of(attributes.get(name))
    if moment is None:
        raise Odd(f"an attribute {name} that is no time")
    return moment


def time_of(found: object) -> int | None:
    """Return epoch seconds; None for anything that is no time before the year 10,000."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 0 <= found < _YEAR_10000 else None


def tags_of(found: Mapping[str, object], reads: ReadsTag) -> list[tuple[str, str]]:
    """Return the tags that rules look at; a value that is no string counts as empty."""
    tags = found.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, dict):
        raise Odd("tags that are no object")
    return [
        (tag, text if isinstance(text, str) else "") for tag, text in tags.items() if reads(tag)
    ]


def content_type_of(found: Mapping[str, object]) -> str:
    """Return the content type; empty if it is no string."""
    kind = found.get("contentType")
    return kind if isinstance(kind, str) else ""
