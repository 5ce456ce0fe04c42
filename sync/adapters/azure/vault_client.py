"""Sends requests to vaults through the Azure SDK: one client and one transport for all of them."""

import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from azure.core.credentials import TokenCredential
from azure.core.rest import HttpRequest
from azure.keyvault.secrets import SecretClient

from sync.adapters.azure.bounded_retry import BoundedRetry
from sync.adapters.azure.challenge import ForeignChallenge, audience_of
from sync.adapters.azure.key_vault_errors import FAULTS, explain, not_accepted, untrusted
from sync.adapters.azure.throttling import Throttle
from sync.adapters.azure.vault_host import Answer, VaultHost
from sync.adapters.azure.vault_tokens import Audience, VaultTokens
from sync.adapters.azure.vault_transport import VaultTransport, Whole
from sync.adapters.wire.bearer import Token, claims_of
from sync.core.errors import Permanent, SyncError
from sync.core.model import FIELD_MANAGER
from sync.core.ports import Deadline

_API_VERSION = "7.4"
_MOST_VAULTS = 1024
_SECONDS_BETWEEN_AUDIENCES = 60.0


class VaultClient:
    """Sends requests with the app's token; safe for any number of threads.

    The token goes along at once. All vaults share it; one that asks for another, by its challenge,
    gets that one, and no other vault does. `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        credential: TokenCredential,
        dns_suffix: str,
        transport: VaultTransport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._throttle = Throttle(clock)
        self._tokens = VaultTokens(credential, Audience(f"https://{dns_suffix}/.default"))
        self._audiences: dict[str, Audience] = {}
        """Of the vaults that take another token than most."""
        self._asked: dict[str, tuple[Audience, float]] = {}
        """The audience that a vault asked for last, and when."""
        self._client = SecretClient(
            f"https://{dns_suffix}",  # each request names its vault
            credential,
            api_version=_API_VERSION,
            transport=transport,
            policies=[BoundedRetry(self._throttle)],
        )

    def ask(self, host: VaultHost, path: str, deadline: Deadline) -> Answer:
        """Return the vault's answer to a GET, whatever its status; raises Permanent or Transient.

        `path` is relative to the vault, or a URL of it.
        """
        audience = self._audiences.get(host.vault.text, self._tokens.own)
        url = path if path.startswith(f"https://{host}/") else f"https://{host}{path}"
        try:
            self._throttle.check(str(host), deadline.remaining())
            token = self._tokens.get(audience, deadline)
            answer = self._sent(url, token, deadline)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            other = audience_of(answer.headers, host, audience)
            if other is None:
                return answer
            return self._sent_again(url, host, audience, other, token, deadline)
        except ForeignChallenge:
            failure: SyncError = untrusted(host, "its challenge names another resource")
        except FAULTS as error:
            failure = explain(error, host)
        raise failure  # outside the except clause: the SDK's exception may hold a body

    def _sent_again(  # noqa: PLR0913, PLR0917 - a request, and what came of its first try
        self,
        url: str,
        host: VaultHost,
        audience: Audience,
        asked: Audience,
        refused: Token,
        deadline: Deadline,
    ) -> Answer:
        """Send once more, with a token for the audience that the vault asked for if there is one.

        Raises Permanent, which names the vault's tenant, if that is refused as well.
        """
        tenant = claims_of(refused.header).get("tid")
        token = refused
        if asked != audience and (asked.claims or tenant is None or tenant != asked.tenant):
            if not self._may_ask(host, asked):
                raise not_accepted(host, asked.tenant, tenant)
            with suppress(Permanent):
                token = self._tokens.get(asked, deadline)
            if token == refused and tenant is not None:
                raise not_accepted(host, asked.tenant, tenant)
        answer = self._sent(url, token, deadline)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise not_accepted(host, asked.tenant, tenant)
        if answer.status == HTTPStatus.OK and token != refused:
            _remember(self._audiences, host, asked)
        return answer

    def _may_ask(self, host: VaultHost, audience: Audience) -> bool:
        """Return whether the vault may have a token of its own: it may change its mind rarely."""
        before, at = self._asked.get(host.vault.text, (audience, self._clock()))
        if before != audience and self._clock() - at < _SECONDS_BETWEEN_AUDIENCES:
            return False
        if before != audience or host.vault.text not in self._asked:
            _remember(self._asked, host, (audience, self._clock()))
        return True

    def _sent(self, url: str, token: Token, deadline: Deadline) -> Answer:
        began = self._clock()
        headers = {
            "Accept": "application/json",
            "Authorization": token.header,
            "User-Agent": FIELD_MANAGER,
        }
        whole = cast(  # the pipeline passes on what the transport returns
            "Whole",
            self._client.send_request(
                HttpRequest("GET", url, headers=headers), timeout=deadline.remaining()
            ),
        )
        seconds = self._clock() - began
        return Answer(whole.status_code, whole.headers, whole.content, seconds)


def _remember[Told](of: dict[str, Told], host: VaultHost, told: Told) -> None:
    """Keep what a vault told, and forget the first of very many: events can name any vault."""
    if len(of) >= _MOST_VAULTS:
        of.pop(next(iter(of)), None)
    of[host.vault.text] = told
