"""Implements the port Vaults with Key Vault's REST API, through the Azure SDK."""

import math
import re
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

from azure.core.credentials import TokenCredential

from sync.adapters.azure.key_vault_answers import (
    Asked,
    Bounds,
    Listing,
    document,
    secret,
)
from sync.adapters.azure.key_vault_errors import refusal, unserved
from sync.adapters.azure.key_vault_fields import ReadsTag
from sync.adapters.azure.key_vault_versions import Versions
from sync.adapters.azure.vault_client import VaultClient
from sync.adapters.azure.vault_host import Answer, VaultHost
from sync.adapters.azure.vault_transport import VaultTransport
from sync.adapters.wire.retry_after import http_date
from sync.core.model import (
    OBJECT_NAME,
    ListedSecret,
    ListedVersion,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.ports import Deadline
from sync.projection.rules import DEFAULT_RULES

_VAULTS_KEPT_OPEN = 64
_CONNECTIONS = 16  # to each vault
_VERSION = re.compile(r"[0-9A-Za-z]{1,64}")
_BOUNDS = Bounds(secrets=20_000, size=24 << 20)
"""Far more than one vault's Secrets have room for; eight such vaults fit into 512 MB."""


class KeyVaults:
    """Reads Key Vaults; safe for any number of threads.

    `reads` returns whether any rule looks at a tag of that name. A vault beyond the `bounds` is
    refused. `now` returns epoch seconds, `clock` monotonic seconds as in a Deadline.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a limit and two clocks, for tests
        self,
        credential: TokenCredential,
        dns_suffix: str,
        reads: ReadsTag = DEFAULT_RULES.reads,
        now: Callable[[], float] = time.time,
        bounds: Bounds = _BOUNDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._suffix = dns_suffix
        self._reads = reads
        self._now = now
        self._bounds = bounds
        self._transport = VaultTransport(_VAULTS_KEPT_OPEN, _CONNECTIONS)
        self._client = VaultClient(credential, dns_suffix, self._transport, clock)

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return every secret of the vault, enabled or not, in the order of its pages.

        Raises Permanent or Transient; Permanent also for a vault beyond the bounds.
        """
        host = VaultHost(vault, self._suffix)
        listing = Listing(host, self._bounds, self._reads)
        self._read_pages(host, "/secrets", listing, deadline)
        return listing.secrets

    def versions(self, vault: VaultName, name: str, deadline: Deadline) -> Sequence[ListedVersion]:
        """Return every version of a secret in any order; raises Permanent or Transient.

        Raises Permanent also for a secret with too many of them.
        """
        if not OBJECT_NAME.fullmatch(name):
            return ()
        asked = Asked(VaultHost(vault, self._suffix), name, None)
        found = Versions(asked)
        self._read_pages(asked.host, f"/secrets/{name}/versions", found, deadline)
        return found.versions

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return a secret, by default its current version; raises Permanent or Transient."""
        if not OBJECT_NAME.fullmatch(name) or (version and not _VERSION.fullmatch(version)):
            return Unserved.MISSING  # no vault has such a name, and it must not get into a URL
        asked = Asked(VaultHost(vault, self._suffix), name, version)
        began = self._now()
        answer = self._client.ask(asked.host, f"/secrets/{name}/{version or ''}", deadline)
        if answer.status != HTTPStatus.OK:
            why = unserved(answer)
            if why is None:
                raise refusal(answer, asked.host)
            return why
        read_at = _read_at(answer)
        return secret(
            asked,
            document(asked.host, answer),
            began if read_at is None else read_at,
            self._reads,
        )

    def _read_pages(
        self, host: VaultHost, link: str | None, pages: Listing | Versions, deadline: Deadline
    ) -> None:
        while link is not None:
            answer = self._client.ask(host, link, deadline)
            if answer.status != HTTPStatus.OK:
                raise refusal(answer, host)
            link = pages.add(document(host, answer))

    def close(self) -> None:
        """Close the connections to every vault."""
        self._transport.hang_up()


def _read_at(answer: Answer) -> float | None:
    """Return the latest whole second, by the vault's clock, before which it cannot have read.

    It read after the request was sent, and dated the answer after that: at most `answer.seconds`
    before that date. None if the answer has no date.
    """
    date = http_date(answer.headers.get("Date"))
    return None if date is None else float(math.floor(date - answer.seconds))
