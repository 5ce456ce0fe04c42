"""Credentials that have a token at hand, as the Azure SDK asks for one."""

import time
from dataclasses import dataclass, field

from azure.core.credentials import AccessToken

from local.identity import Identity


@dataclass(frozen=True, slots=True)
class Token:
    """A credential that always has the same token."""

    text: str = "t"

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        """Return it, good for an hour from now."""
        return AccessToken(self.text, int(time.time()) + 3600)


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential that has the local identity issue a token each time, and keeps the scopes."""

    identity: Identity
    scopes: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Issue a token for the scope's resource, as the managed-identity endpoint does."""
        self.scopes.extend(scopes)
        token = self.identity.issue(scopes[0].removesuffix("/.default"))
        return AccessToken(token.secret, token.expires_on)
