"""A slip of the pen in a value: whatever single character is wrong, the refusal tells no value."""

import json
import re
from collections.abc import Callable, Iterator

import pytest

from sync.core.errors import Permanent
from sync.projection.formats import members
from sync.projection.secret_types import build
from sync.projection.tags import Format, SecretType
from tests.leaks.dye import PLANTED

SLIPS = "{}[],:\"'\\\n\r\t\0 =#&*!|>%@`-?<~.0aé\ud800"
NAME = "db-url"


def slips(text: str) -> Iterator[str]:
    """Return the text with each character left out, doubled, and another put in before it.

    The planted values themselves stay whole.
    """
    values = [found.span() for found in re.finditer(re.escape(PLANTED), text)]
    for at in range(len(text) + 1):
        if any(start < at < end for start, end in values):
            continue
        yield text[:at] + text[at + 1 :]
        yield text[:at] + text[at : at + 1] + text[at:]
        for slip in SLIPS:
            yield text[:at] + slip + text[at:]


def _json(text: str) -> object:
    return members(NAME, text, Format.JSON, None)


def _yaml(text: str) -> object:
    return members(NAME, text, Format.YAML, None)


def _dotenv(text: str) -> object:
    return members(NAME, text, Format.DOTENV, None)


def _docker(text: str) -> object:
    return build(NAME, SecretType.DOCKERCONFIGJSON, text.encode("utf-8", "replace"))


def _basic(text: str) -> object:
    return build(NAME, SecretType.BASIC_AUTH, text.encode("utf-8", "replace"))


def _ssh(text: str) -> object:
    return build(NAME, SecretType.SSH_AUTH, text.encode("utf-8", "replace"))


KEY = f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n"
WRITTEN: dict[str, tuple[Callable[[str], object], str]] = {
    "json": (_json, json.dumps({"a": {"b": PLANTED, "c": [1, PLANTED]}, "d": None})),
    "yaml": (_yaml, f"a:\n  b: {PLANTED}\n  c: ['{PLANTED}', 1]\nd: >\n  {PLANTED}\n"),
    "dotenv": (_dotenv, f"A={PLANTED}\nexport B='{PLANTED}'\nC=\"{PLANTED}\" # {PLANTED}\n"),
    "docker config": (
        _docker,
        json.dumps({"auths": {"r.io": {"username": "u", "password": PLANTED}}}),
    ),
    "docker log-in": (
        _docker,
        json.dumps({"registry": "r.io", "username": "u", "password": PLANTED}),
    ),
    "basic-auth": (_basic, f"user:{PLANTED}"),
    "basic-auth in JSON": (_basic, json.dumps({"username": "u", "password": PLANTED})),
    "ssh-auth": (_ssh, KEY),
    "ssh-auth in JSON": (_ssh, json.dumps({"ssh-privatekey": KEY, "known_hosts": PLANTED})),
}


@pytest.mark.parametrize(("read", "text"), WRITTEN.values(), ids=WRITTEN)
def test_a_slip_of_the_pen_tells_no_value(read: Callable[[str], object], text: str) -> None:
    """A quotation mark, a colon or a line break too many does not make the value a name told."""
    for slip in slips(text):
        try:
            read(slip)
        except Permanent as refusal:
            told = f"{refusal!r} {refusal.__cause__!r} {refusal.__context__!r}"
            assert PLANTED not in told, slip.replace(PLANTED, "VALUE")
