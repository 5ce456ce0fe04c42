"""Reads the credentials for clusters that Key Vault secrets hold: tokens and kubeconfigs."""

import base64
import json
import re
import time
from collections.abc import Callable

from sync.adapters.kubernetes.cluster_config import CredentialRef
from sync.adapters.kubernetes.login.cached import CachedValue
from sync.core.errors import Permanent
from sync.core.model import Unserved, VaultName
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason

READ_EVERY = 300.0
_READ_OFTEN = 60.0
_PART_OF_LIFE = 0.8
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_JWT_PARTS = 3
_YEAR_2500 = 16_725_225_600


class KeptSecrets:
    """The secrets that the settings name, read from their vaults like any other secret."""

    def __init__(self, vaults: Vaults, now: Callable[[], float] = time.time) -> None:
        self._vaults = vaults
        self._now = now

    def text(self, kept: CredentialRef, deadline: Deadline) -> str:
        """Read the secret's value; raises Permanent or Transient."""
        found = self._vaults.get(VaultName(kept.vault, "", "", "", 0), kept.secret, deadline)
        if not isinstance(found, Unserved):
            return found.value
        raise Permanent(
            Reason.CLUSTER_CREDENTIAL_MISSING,
            f"Secret {kept}, which SYNC_CLUSTERS names for a cluster's credential, is "
            f"{found.value}: az keyvault secret show --vault-name {kept.vault} "
            f"--name {kept.secret} --query attributes",
        )

    def header(self, kept: CredentialRef) -> Callable[[str | None, Deadline], CachedValue[str]]:
        """Return what fetches the Authorization header that is made of a kept token."""

        def fetch(_refused: str | None, deadline: Deadline) -> CachedValue[str]:
            token = self.text(kept, deadline).strip()
            if _TOKEN.fullmatch(token):
                return self._held(token)
            raise Permanent(
                Reason.CLUSTER_CREDENTIAL_MISSING,
                f"Secret {kept} holds no token (one line, without blanks): az keyvault secret set "
                f"--vault-name {kept.vault} --name {kept.secret} --value "
                '"$(kubectl create token keyvault-sync --namespace NAMESPACE --duration 8760h)"',
            )

        return fetch

    def _held(self, token: str) -> CachedValue[str]:
        now = self._now()
        expiry, issued = _claims(token)
        if expiry is None:
            return CachedValue(f"Bearer {token}", now + READ_EVERY)
        life = expiry - (now if issued is None else issued)
        due = expiry - life * (1 - _PART_OF_LIFE)
        return CachedValue(f"Bearer {token}", due if due > now else now + _READ_OFTEN, expiry)


def _claims(token: str) -> tuple[float | None, float | None]:
    """Return when a JWT expires and was issued; nothing of a token that is none."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None, None
    try:
        claims: object = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(claims, dict):
        return None, None
    return _moment(claims.get("exp")), _moment(claims.get("iat"))


def _moment(claim: object) -> float | None:
    return claim if isinstance(claim, int | float) and 0 <= claim < _YEAR_2500 else None
