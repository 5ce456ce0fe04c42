"""What the readers of typed Secrets share: their JSON, and how they refuse a value."""

from collections.abc import Mapping

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason
from sync.projection.formats import read_json
from sync.projection.trees import Node

type Data = Mapping[str, bytes]


def is_object(text: str) -> bool:
    """Return whether a text is to be read as a JSON object."""
    return text.lstrip().startswith("{")


def object_in(subject: str, text: str) -> Mapping[str, Node]:
    """Parse a JSON object; raises Permanent."""
    tree = read_json(subject, text)
    if isinstance(tree, dict):
        return tree
    raise unfit(subject, "is no JSON object")


def strings_in(subject: str, tree: Mapping[str, Node], *known: str) -> dict[str, str]:
    """Return an object's members, all of them known and strings; raises Permanent."""
    fields: dict[str, str] = {}
    for member, field in tree.items():
        if member not in known:
            raise unfit(subject, f"has {excerpt(member)}, which is none of {', '.join(known)}")
        if not isinstance(field, str):
            raise unfit(subject, f"has {member}, which is no string")
        fields[member] = field
    return fields


def unfit(subject: str, fault: str) -> Permanent:
    """Return the error for a value that makes no Secret of its type."""
    return Permanent(Reason.VALUE_NOT_OF_TYPE, f"{subject} {fault}: set a new version of it.")
