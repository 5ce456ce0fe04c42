"""Collects the versions of one secret from the pages of their listing."""

from collections.abc import Mapping
from contextlib import suppress

from sync.adapters.azure.key_vault_answers import Asked
from sync.adapters.azure.key_vault_errors import untrusted
from sync.adapters.azure.key_vault_fields import Odd, attributes_of, is_enabled, seconds, time_of
from sync.adapters.azure.key_vault_pages import Pages
from sync.adapters.azure.vault_host import secret_of
from sync.core.errors import Permanent
from sync.core.model import ListedVersion
from sync.core.reasons import Reason

MOST_VERSIONS = 2_500
"""Of one secret, pages counted in: a hundred pages, a few seconds."""


class Versions:
    """The versions of one secret; an entry that cannot be read is no version that could be used."""

    def __init__(self, asked: Asked) -> None:
        self.versions: list[ListedVersion] = []
        self._asked = asked
        self._pages = Pages(asked.host)
        self._read = 0

    def add(self, page: Mapping[str, object]) -> str | None:
        """Add a page; return the link to the next one, None after the last."""
        self._read += 1
        for entry in self._pages.entries(page):
            self._read += 1
            if isinstance(entry, dict):
                with suppress(Odd):
                    self._keep(entry)
        if self._read > MOST_VERSIONS:
            raise Permanent(
                Reason.TOO_MANY_VERSIONS,
                f"Secret {self._asked.name!r} of vault {self._asked.host.vault} has more than "
                f"{MOST_VERSIONS:,} versions, among which none is looked for: set a new version "
                "that is enabled and valid now, or wait until the newest one is.",
            )
        return self._pages.following(page)

    def _keep(self, entry: Mapping[str, object]) -> None:
        identity = entry.get("id")
        if not isinstance(identity, str):
            return
        if not self._asked.is_answered_by(identity):
            raise untrusted(self._asked.host, "it listed the versions of another secret")
        _, version = secret_of(identity) or ("", "")
        attributes = attributes_of(entry)
        self.versions.append(
            ListedVersion(
                version,
                is_enabled(attributes) and bool(version),
                seconds(attributes, "created"),
                time_of(attributes.get("nbf")),
                time_of(attributes.get("exp")),
            )
        )
