"""Gets Entra tokens with which the app's identity logs in to clusters."""

import time
from collections.abc import Callable

from azure.core.credentials import TokenCredential

from sync.adapters.azure.credential_errors import Credential
from sync.adapters.kubernetes.address import bearer
from sync.adapters.kubernetes.login.sources import Token
from sync.core.errors import Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_PART_OF_LIFE = 0.8


class EntraToken:
    """Tokens for one audience; `another` makes a credential with an empty cache."""

    def __init__(
        self,
        audience: str,
        credential: TokenCredential,
        another: Callable[[], TokenCredential],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._scope = f"{audience}/.default"
        self._credential = credential
        self._another = another
        self._now = now
        self.remedy = (
            f"The cluster has to take Entra tokens of audience {audience}: an AKS cluster does "
            "with az aks update --enable-aad, another one with structured authentication or "
            "--oidc-client-id (docs/clusters.md)."
        )

    def fetch(self, _deadline: Deadline) -> Token:
        """Return the credential's token; raises Permanent or Transient."""
        given = Credential(self._credential).get_token(self._scope)
        if header := bearer(given.token):
            life = given.expires_on - self._now()
            return Token(header, self._now() + life * _PART_OF_LIFE, given.expires_on)
        raise Transient(
            Reason.CREDENTIAL_UNAVAILABLE,
            "The token endpoint of the app's identity gives a token that no header can hold. "
            "This may pass; nothing was written.",
        )

    def reset(self) -> None:
        """Replace the credential, whose cache holds the refused token."""
        self._credential = self._another()
