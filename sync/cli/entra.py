"""Gets an Entra token for the app with azure-identity: what `az login` and the others leave."""

import os
import re
import time

from sync.cli.documents import Document
from sync.cli.no_answers import NoAnswer, refusal

_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_SPARE = 300  # seconds before its end at which a token is replaced


def full_scope(scope: str) -> str:
    """Return the scope of a client id, an App ID URI or a scope."""
    named = f"api://{scope}" if _GUID.fullmatch(scope) else scope
    return named if "/." in named else f"{named.rstrip('/')}/.default"


class EntraLogin:
    """Tokens for one scope, kept while they last."""

    def __init__(self, scope: str) -> None:
        self._scope = full_scope(scope)
        self._token, self._until = "", 0.0

    def __call__(self) -> Document:
        """Return the header with a token, or why there is none."""
        if time.time() >= self._until - _SPARE:
            from azure.core.exceptions import AzureError  # noqa: PLC0415 - takes a second

            from sync.adapters.azure.identity import log_in  # noqa: PLC0415 - likewise
            from sync.core.errors import SyncError  # noqa: PLC0415 - likewise

            try:
                got = log_in(os.environ)().get_token(self._scope)
            except SyncError as error:
                return refusal(error.reason, error.message)
            except AzureError as error:
                return self._refused(error)
            self._token, self._until = got.token, float(got.expires_on)
        return {"Authorization": f"Bearer {self._token}"}

    def _refused(self, error: Exception) -> Document:
        # Only the code of the message: the rest may quote an answer with a token in it.
        codes = re.findall(r"AADSTS\d+", str(error))
        if "AADSTS65001" in codes:
            return refusal(
                NoAnswer.NOT_PRE_AUTHORIZED,
                f"Entra gives the Azure CLI no token for {self._scope} (AADSTS65001): the app "
                f"registration has not pre-authorized the Azure CLI ({_CLI}). Its owner runs the "
                "commands of docs/deploy.md, or use a function key in KEYVAULT_SYNC_KEY.",
            )
        told = f" ({codes[0]})" if codes else ""
        return refusal(
            NoAnswer.NO_LOG_IN,
            f"There is no Entra token for {self._scope}{told}: run 'az login', check the scope, "
            "or set KEYVAULT_SYNC_KEY to a function key.",
        )
