"""Follows a vault's listing from page to page."""

from collections.abc import Mapping, Sequence

from sync.adapters.azure.key_vault_errors import broken, untrusted
from sync.adapters.azure.vault_host import VaultHost


class Pages:
    """The pages of one listing; their links are bounded by the secrets that they lead to."""

    def __init__(self, host: VaultHost) -> None:
        self._host = host
        self._links: set[str] = set()

    def entries(self, page: Mapping[str, object]) -> Sequence[object]:
        """Return a page's entries; a vault that was never used may answer null in their place."""
        match page:
            case {"value": list(entries)}:
                return entries
            case {"value": None}:
                return ()
        raise broken(self._host, "no list of secrets")

    def following(self, page: Mapping[str, object]) -> str | None:
        """Return the link to the next page, None after the last."""
        link = page.get("nextLink")
        if link is None or link == "":
            return None
        if not isinstance(link, str):
            raise broken(self._host, "a nextLink that is no text")
        following = self._host.at_home(link)
        if following is None:
            raise untrusted(self._host, "its list goes on at another vault")
        if following in self._links:
            raise broken(self._host, "its list of secrets never ends")
        self._links.add(following)
        return following
