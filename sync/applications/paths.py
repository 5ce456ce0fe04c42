"""Parses the path to the names in an object, and follows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sync.core.model import SecretName, secret_name

MAX_NAMES = 1000
"""As many names of one object are read; a Secret has no room for the variables of more."""

_MAX_LENGTH, _MAX_STEPS = 500, 20
_STEP = re.compile(
    r"(?P<dot>\.)?(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<all>\[\*\])"
    r"|\['(?P<quoted>[^'\[\]]{1,316})'\]"
)
_DIVIDED = re.compile(r"[,\s]+")

type Step = str | None
"""The name of a member, or None for each item of a list."""


@dataclass(frozen=True, slots=True)
class Path:
    """The steps from an object to its names."""

    steps: tuple[Step, ...]

    def texts(self, document: object) -> Iterator[object]:
        """Yield what the path leads to: texts, and whatever else stands in their place."""
        found = [document]
        for step in self.steps:
            found = [inner for each in found for inner in _inner(each, step)]
        for each in found:
            yield from each if isinstance(each, list) else [each]


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an object lists; `unreadable` is how many entries are none."""

    secrets: frozenset[SecretName] = frozenset()
    unreadable: int = 0


def parse_path(text: str) -> Path:
    """Parse a path such as `spec.secrets[*].name`; raises ValueError."""
    steps: list[Step] = []
    at, rest = 0, text.strip().removeprefix(".")
    if len(rest) > _MAX_LENGTH:
        raise ValueError(f"is longer than {_MAX_LENGTH} characters")
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None or (found["name"] and bool(found["dot"]) is (at == 0)):
            raise ValueError(
                f"cannot be read from character {at + 1} on: write names joined by dots, [*] for "
                "each item of a list, and ['…'] around a name with other characters"
            )
        steps.append(None if found["all"] else found["name"] or found["quoted"])
        at = found.end()
    if not steps or steps[0] is None:
        raise ValueError("must begin with the name of a member, such as spec")
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"has more than {_MAX_STEPS} steps")
    return Path(tuple(steps))


def names_in(path: Path, document: object) -> Names:
    """Return the names of vault secrets that an object lists.

    A text may hold several, divided by commas or white space. What is absent, null or empty lists
    nothing. Names that differ only in case are one.
    """
    found: set[SecretName] = set()
    unreadable = 0
    for text in path.texts(document):
        if text is None:
            continue
        words = _DIVIDED.split(text) if isinstance(text, str) else [text]
        for word in words:
            if word == "":
                continue
            try:
                name = secret_name(word)
            except ValueError:
                unreadable += 1
                continue
            if len(found) < MAX_NAMES or name in found:
                found.add(name)
            else:
                unreadable += 1
    return Names(frozenset(found), unreadable)


def _inner(node: object, step: Step) -> Iterator[object]:
    if step is None:
        yield from node if isinstance(node, list) else ()
    elif isinstance(node, dict) and step in node:
        yield node[step]
