"""Gets the tokens for vaults: one for each audience, shared by all vaults that take it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from azure.core.credentials import TokenCredential

from sync.adapters.azure.credential_errors import Credential
from sync.adapters.wire.bearer import Token, bearer
from sync.adapters.wire.cached import Cached
from sync.core.errors import SyncError, Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_PATIENCE = 60.0
_PART_OF_LIFE = 0.8
_MOST_AUDIENCES = 64


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a token is for, and what it has to claim; `tenant` None means the identity's own."""

    scope: str
    tenant: str | None = None
    claims: str | None = None


class VaultTokens:
    """Tokens by audience; safe for any number of threads. `now` returns epoch seconds.

    What a vault asks for changes nothing for vaults with another audience. At most 64 audiences are
    remembered, and one that only vaults ask for is tried once a minute: any vault can make one up.
    """

    def __init__(
        self, credential: TokenCredential, own: Audience, now: Callable[[], float] = time.time
    ) -> None:
        self.own = own
        self._credential = Credential(credential)
        self._now = now
        self._tokens: dict[Audience, Cached[Token]] = {own: self._cached(own)}
        self._failures: dict[Audience, tuple[float, SyncError]] = {}

    def __len__(self) -> int:
        """Return how many audiences are remembered."""
        return len(self._tokens)

    def get(self, audience: Audience, deadline: Deadline) -> Token:
        """Return a token for the audience; raises Permanent or Transient."""
        cached = self._tokens.get(audience)
        if cached is None:
            self._make_room()
            cached = self._tokens.setdefault(audience, self._cached(audience))
        return cached.get(deadline)

    def _cached(self, audience: Audience) -> Cached[Token]:
        return Cached(partial(self._fetch, audience), _PATIENCE, now=self._now)

    def _fetch(self, audience: Audience, _deadline: Deadline) -> Token:
        until, failure = self._failures.get(audience, (0.0, None))
        if failure is not None and self._now() < until:
            raise failure.with_traceback(None)
        try:
            return self._fetched(audience)
        except SyncError as error:
            if audience != self.own:
                self._failures[audience] = self._now() + _PATIENCE, error
            raise

    def _fetched(self, audience: Audience) -> Token:
        given = self._credential.get_token(
            audience.scope, claims=audience.claims, tenant_id=audience.tenant, enable_cae=True
        )
        if header := bearer(given.token):
            now = self._now()
            return Token(header, now + (given.expires_on - now) * _PART_OF_LIFE, given.expires_on)
        raise Transient(
            Reason.CREDENTIAL_UNAVAILABLE,
            "The token endpoint of the app's identity gives a token that no header can hold. "
            "This may pass; nothing was written.",
        )

    def _make_room(self) -> None:
        """Forget the audience that was asked for first, if there are many; never our own."""
        if len(self._tokens) >= _MOST_AUDIENCES:
            first = next(each for each in list(self._tokens) if each != self.own)
            self._tokens.pop(first, None)
            self._failures.pop(first, None)
