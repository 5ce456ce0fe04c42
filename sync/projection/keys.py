"""The names of the keys that a Secret may have, and the style in which names become keys."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum, auto

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason

_LONGEST = 253
_DATA_KEY = re.compile(rf"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{{1,{_LONGEST}}}", re.ASCII)
_OTHERS = re.compile(r"[^-._a-zA-Z0-9]", re.ASCII)
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


class KeySource(Enum):
    """What a key is named after; this decides how else it can be named."""

    NAME = auto()
    """The secret's own name, or its tag k8s-key."""
    MEMBER = auto()
    MEMBER_WITH_PATH = auto()
    """A member of a format that takes the tag k8s-path."""


def checked_keys(
    name: str, keys: Iterable[tuple[str, bytes]], source: KeySource = KeySource.NAME
) -> Mapping[str, bytes]:
    """Return the keys by name; raises Permanent if one is invalid or occurs twice."""
    made: dict[str, bytes] = {}
    for key, value in keys:
        check_key(name, key, source)
        if key in made:
            raise Permanent(
                Reason.KEY_TWICE,
                f"Secret {name!r} becomes key {key!r} twice: rename one of the members.",
            )
        made[key] = value
    return made


def check_key(name: str, key: str, source: KeySource = KeySource.NAME) -> None:
    """Raise Permanent if Kubernetes refuses such a key."""
    if _DATA_KEY.fullmatch(key):
        return
    rule, remedy = _fault(key)
    if source is KeySource.NAME:
        remedy = "name it by its tag k8s-key"
    elif source is KeySource.MEMBER_WITH_PATH:
        remedy += ", or take that member alone by the tag k8s-path"
    raise Permanent(
        Reason.KEY_INVALID,
        f"Secret {name!r} would become key {excerpt(key)}, which Kubernetes refuses ({rule}): "
        f"{remedy}.",
    )


def _fault(key: str) -> tuple[str, str]:
    """Return which rule a key breaks, and what helps if it is named after a member."""
    if len(key) > _LONGEST:
        return f"a key has at most {_LONGEST} characters", "give the member a shorter name"
    if _OTHERS.search(key):
        return "a key has letters, digits, '-', '_' and '.', nothing else", "rename the member"
    return (
        "a key is not empty, is not '.' and does not begin with '..'",
        "rename the member, or put a prefix in front of the names by the tag k8s-key",
    )
