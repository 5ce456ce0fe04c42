"""A vault's host: which ids and links may be its own, and what it answers."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from sync.core.model import VaultName


@dataclass(frozen=True, slots=True)
class VaultHost:
    """The host of a vault; `suffix` is the DNS suffix of all vaults of its cloud."""

    vault: VaultName
    suffix: str

    def __str__(self) -> str:
        return f"{self.vault.text}.{self.suffix}"

    def may_have(self, url: str) -> bool:
        """Tell whether a URL is not another vault's; who answers is the certificate's to say."""
        with suppress(ValueError):
            host = urlsplit(url).hostname or ""
            return host == str(self) or not host.endswith(f".{self.suffix}")
        return False

    def at_home(self, link: str) -> str | None:
        """Return a link as one to the vault's own host; None where it is another vault's.

        What the server calls itself there, behind a proxy for one, does not lead a token elsewhere.
        The api-version is left out, which is the client's to choose.
        """
        if not self.may_have(link):
            return None
        with suppress(ValueError):
            url = urlsplit(urljoin(f"https://{self}/secrets", link))
            query = "&".join(
                each for each in url.query.split("&") if not each.startswith("api-version=")
            )
            home = url._replace(scheme="https", netloc=str(self), query=query, fragment="")
            # The SDK takes braces in a URL for fields of its own.
            return home.geturl().replace("{", "%7B").replace("}", "%7D")
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """A vault's whole response to one request.

    `token_sent` is true if any try of the request carried a token. `seconds` is how long the call
    took, retries included.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    token_sent: bool
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
