"""Entra's tokens for the clusters: one for each audience, shared by all that ask for it."""

import time
from collections.abc import Callable

from azure.core.credentials import TokenCredential

from sync.adapters.azure.credential_errors import Credential
from sync.adapters.kubernetes.login.cached import Cached, CachedValue
from sync.core.ports import Deadline

_PART_OF_LIFE = 0.8
_PATIENCE = 30.0


class EntraTokens:
    """The app's own tokens, as Authorization headers; for any number of threads.

    `another` makes a new credential: it asks for a token that the one at hand has in its cache.
    """

    def __init__(
        self,
        credential: TokenCredential,
        another: Callable[[], TokenCredential],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._credential = credential
        self._another = another
        self._now = now
        self._leases: dict[str, Cached[str]] = {}

    def header(self, audience: str) -> Cached[str]:
        """Return the header for the audience, the same lease to everybody."""
        return self._leases.setdefault(
            audience, Cached(self._fetch(audience), _PATIENCE, self._now)
        )

    def _fetch(self, audience: str) -> Callable[[str | None, Deadline], CachedValue[str]]:
        def fetch(refused: str | None, _deadline: Deadline) -> CachedValue[str]:
            if refused is not None:
                self._credential = self._another()
            token = Credential(self._credential).get_token(f"{audience}/.default")
            life = token.expires_on - self._now()
            renew_at = self._now() + life * _PART_OF_LIFE
            return CachedValue(f"Bearer {token.token}", renew_at, token.expires_on)

        return fetch
