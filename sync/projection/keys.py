"""The names of the keys that a Secret may have, and the style in which names become keys."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason

_DATA_KEY = re.compile(r"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{1,253}", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NO_ENVIRONMENT_NAME = re.compile(r"[^A-Za-z0-9_]", re.ASCII)


class KeyStyle(StrEnum):
    """How a name becomes a key: unchanged, or as the name of an environment variable."""

    VERBATIM = "verbatim"
    ENV = "env"

    def styled(self, name: str) -> str:
        """Return the key that a name becomes."""
        if self is KeyStyle.VERBATIM:
            return name
        return _NO_ENVIRONMENT_NAME.sub("_", name).upper()

    def odd(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the keys that are not of this style, as names cannot begin with a digit."""
        if self is KeyStyle.VERBATIM:
            return ()
        return tuple(key for key in keys if not _ENVIRONMENT_NAME.fullmatch(key))


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
