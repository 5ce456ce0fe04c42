"""Checks the names of the keys that a Secret may have."""

import re
from collections.abc import Iterable, Mapping

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason

_DATA_KEY = re.compile(r"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{1,253}", re.ASCII)


def checked_keys(name: str, keys: Iterable[tuple[str, bytes]]) -> Mapping[str, bytes]:
    """Return the keys by name; raises Permanent if one is invalid or occurs twice."""
    made: dict[str, bytes] = {}
    for key, value in keys:
        check_key(name, key)
        if key in made:
            raise Permanent(
                Reason.KEY_TWICE,
                f"Secret {name!r} becomes key {key!r} twice: rename one of the members.",
            )
        made[key] = value
    return made


def check_key(name: str, key: str) -> None:
    """Raise Permanent if Kubernetes refuses such a key."""
    if not _DATA_KEY.fullmatch(key):
        raise Permanent(
            Reason.KEY_INVALID,
            f"Secret {name!r} would become key {excerpt(key)}, which Kubernetes refuses (1 to 253 "
            "letters, digits, '-', '_', '.'): rename the member, or name it by its tag k8s-key.",
        )
