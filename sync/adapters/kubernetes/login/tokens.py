"""Gets the tokens with which the app logs in to clusters: from Entra or a Key Vault secret."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from azure.core.credentials import TokenCredential

from sync.adapters.azure.credential_errors import Credential
from sync.adapters.kubernetes.cluster_config import CredentialRef
from sync.adapters.wire.bearer import Token, bearer, claims_of
from sync.core.errors import Permanent, Transient
from sync.core.model import Unserved, VaultName
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason

READ_EVERY = 300.0
_READ_OFTEN = 60.0
_PART_OF_LIFE = 0.8
_YEAR_2500 = 16_725_225_600


class EntraToken:
    """Tokens for one audience; `another` makes a credential with an empty cache."""

    def __init__(
        self,
        audience: str,
        credential: TokenCredential,
        another: Callable[[], TokenCredential],
        now: Callable[[], float],
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


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Key Vault secret that the settings name for a cluster's credential."""

    vaults: Vaults
    ref: CredentialRef

    def read(self, deadline: Deadline) -> str:
        """Return the secret's value; raises Permanent or Transient."""
        vault, name = self.ref.vault, self.ref.secret
        secret = self.vaults.get(VaultName(vault), name, deadline)
        if not isinstance(secret, Unserved):
            return secret.value
        raise Permanent(
            Reason.CLUSTER_CREDENTIAL_MISSING,
            f"Secret {self.ref}, which SYNC_CLUSTERS names for a cluster's credential, is "
            f"{secret.value}: az keyvault secret show --vault-name {vault} --name {name} "
            "--query attributes",
        )


class StoredToken:
    """A token in a vault: a JWT is read again before it expires, another every five minutes."""

    def __init__(self, secret: StoredSecret, now: Callable[[], float]) -> None:
        self._secret = secret
        self._now = now
        ref = secret.ref
        self._command = (
            f"az keyvault secret set --vault-name {ref.vault} --name {ref.secret} --value "
            '"$(kubectl create token keyvault-sync --namespace NAMESPACE --duration 8760h)"'
        )
        self.remedy = f"Put a new token into secret {ref}: {self._command}"

    def fetch(self, deadline: Deadline) -> Token:
        """Read the secret; raises Permanent or Transient."""
        value = self._secret.read(deadline)
        if header := bearer(value):
            return self._token(header, *_times(value.strip()))
        raise Permanent(
            Reason.CLUSTER_CREDENTIAL_MISSING,
            f"Secret {self._secret.ref} holds no token (one line, without blanks): {self._command}",
        )

    def _token(self, header: str, expiry: float | None, issued: float | None) -> Token:
        now = self._now()
        if expiry is None:
            return Token(header, now + READ_EVERY, inf)
        life = expiry - (now if issued is None else issued)
        due = expiry - life * (1 - _PART_OF_LIFE)
        return Token(header, due if due > now else now + _READ_OFTEN, expiry)


def _times(token: str) -> tuple[float | None, float | None]:
    """Return when a JWT expires and when it was issued, in epoch seconds; None if unknown."""
    claims = claims_of(token)
    return _moment(claims.get("exp")), _moment(claims.get("iat"))


def _moment(claim: object) -> float | None:
    return claim if isinstance(claim, int | float) and 0 <= claim < _YEAR_2500 else None
