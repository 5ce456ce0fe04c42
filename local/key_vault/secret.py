"""The contents of a vault: secrets and their versions, and the rules for their parts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from local.key_vault.refusals import Refused, bad_parameter

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VALUE_BYTES = 25 * 1024
_CONTENT_TYPE_CHARACTERS = 255
_TAGS = 15
_TAG_CHARACTERS = 256


class Attributes(TypedDict, total=False):
    """A version's attributes besides its value; times are whole Unix seconds."""

    enabled: bool
    nbf: int | None
    exp: int | None
    content_type: str | None
    tags: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret; `kid` names the key of the certificate behind it."""

    name: str
    version: str
    value: str = field(repr=False)
    created: int
    updated: int
    enabled: bool = True
    nbf: int | None = None
    exp: int | None = None
    content_type: str | None = None
    tags: Mapping[str, str] | None = None
    kid: str | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, oldest version first; its last delete or recovery shows from `shows_from` on."""

    versions: tuple[Version, ...]
    deleted_on: int | None = None
    shows_from: float = 0.0

    @property
    def name(self) -> str:
        """The name in its first spelling."""
        return self.versions[0].name

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]


def check_name(name: str) -> None:
    """Raise `Refused` for a name that breaks Key Vault's rule."""
    if not _NAME.fullmatch(name):
        raise bad_parameter(f"The request URI contains an invalid name: {name}")


def check_value(value: str) -> None:
    """Raise `Refused` for a value that is too large."""
    if len(value.encode()) > _VALUE_BYTES:
        raise bad_parameter(f"The value is longer than {_VALUE_BYTES} bytes.")


def check_attributes(attributes: Attributes) -> None:
    """Raise `Refused` for tags or a content type beyond the limits."""
    content_type = attributes.get("content_type") or ""
    if len(content_type) > _CONTENT_TYPE_CHARACTERS:
        raise bad_parameter(f"contentType is longer than {_CONTENT_TYPE_CHARACTERS} characters.")
    tags = attributes.get("tags") or {}
    if len(tags) > _TAGS:
        raise bad_parameter(f"An object has at most {_TAGS} tags.")
    if any(len(part) > _TAG_CHARACTERS for tag in tags.items() for part in tag):
        raise _tag_too_long()


def _tag_too_long() -> Refused:
    return bad_parameter(f"A tag's name and value have at most {_TAG_CHARACTERS} characters.")
