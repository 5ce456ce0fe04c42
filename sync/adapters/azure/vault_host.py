"""A vault's host: which ids and links may be its own, and what it answers."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from sync.core.model import VaultName


@dataclass(frozen=True, slots=True)
class VaultHost:
    """A vault's host name; `suffix` is the DNS suffix of all vaults in its cloud."""

    vault: VaultName
    suffix: str

    def __str__(self) -> str:
        return f"{self.vault.text}.{self.suffix}"

    def may_have(self, url: str) -> bool:
        """Return False for another vault's URL; any other host passes, TLS checks who answers."""
        with suppress(ValueError):
            host = urlsplit(url).hostname or ""
            return host == str(self) or not host.endswith(f".{self.suffix}")
        return False

    def at_home(self, link: str) -> str | None:
        """Return the link with this vault's host; None if it leads to another vault.

        So a token goes to no other host, whatever name a server behind a proxy gives itself. The
        api-version is removed: the client sets it.
        """
        if not self.may_have(link):
            return None
        with suppress(ValueError):
            url = urlsplit(urljoin(f"https://{self}/secrets", link))
            query = "&".join(
                each for each in url.query.split("&") if not each.startswith("api-version=")
            )
            home = url._replace(scheme="https", netloc=str(self), query=query, fragment="")
            # The SDK would replace braces in a URL as template fields.
            return home.geturl().replace("{", "%7B").replace("}", "%7D")
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """A vault's whole response to one request.

    `seconds` is how long the call took, retries included.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    seconds: float

    @property
    def json(self) -> object:
        """The body's JSON; None if it is no JSON."""
        try:
            found: object = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found


def secret_of(url: str) -> tuple[str, str] | None:
    """Return the name and version in a secret's id; the version is empty in a listing."""
    with suppress(ValueError):
        match urlsplit(url).path.strip("/").split("/"):
            case [kind, name, *version] if kind.lower() == "secrets" and len(version) <= 1:
                return name, "".join(version)
    return None
