"""Implements the port Preparer: makes vault secrets, disabled and empty, that wait for a value."""

import json
from http import HTTPStatus
from threading import Lock

from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.key_vault_answers import Asked, document, secret
from sync.adapters.azure.key_vault_errors import refusal
from sync.adapters.azure.vault_host import VaultHost
from sync.adapters.wire.locks import held
from sync.core.errors import Permanent
from sync.core.model import OBJECT_NAME, SecretName, Unserved, VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason

TAG = "keyvault-sync-waits"
"""The tag that names the application, as NAMESPACE/KIND/NAME."""

_TAG_LENGTH = (
    256  # https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
)


class PreparedSecrets:
    """Makes secrets in Key Vaults; safe for any number of threads.

    Key Vault has no request that only creates: a secret is made right after a read has found none,
    and by one thread at a time.
    """

    def __init__(self, vaults: KeyVaults) -> None:
        self._vaults = vaults
        self._lock = Lock()

    def prepare(self, vault: VaultName, name: SecretName, waiting: str, deadline: Deadline) -> bool:
        """Make a secret if there is none; raises Permanent or Transient.

        Key Vault refuses the name of a soft-deleted one with 409.
        """
        if not OBJECT_NAME.fullmatch(name):
            return False  # it must not get into a URL
        host = VaultHost(vault, self._vaults.suffix)
        body = json.dumps(
            {
                "value": "",
                "attributes": {"enabled": False},
                "tags": {TAG: waiting[:_TAG_LENGTH]},
            }
        )
        with held(self._lock, deadline):
            if self._vaults.get(vault, name, deadline) is not Unserved.MISSING:
                return False
            answer = self._vaults.client.ask(host, f"/secrets/{name}", deadline, body.encode())
        if answer.status == HTTPStatus.OK:
            asked = Asked(host, str(name), None)
            secret(asked, document(host, answer), 0, lambda _tag: False)  # that it is of this one
            return True
        if answer.status == HTTPStatus.CONFLICT:
            raise Permanent(
                Reason.LISTED_SECRET_MISSING,
                f"Secret {name!r} of vault {vault} is soft-deleted: recover it, or purge it.",
            )
        if answer.status == HTTPStatus.FORBIDDEN:
            raise Permanent(
                Reason.VAULT_FORBIDDEN,
                f"The app may not make secrets in vault {vault}: assign it the role that "
                "docs/applications.md describes, with Microsoft.KeyVault/vaults/secrets/"
                "setSecret/action, or set SYNC_APPLICATIONS_PREPARE to false.",
            )
        raise refusal(answer, host)
