"""Reads Key Vaults through the Azure SDK: one client for each vault, one transport for all."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RedirectPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.keyvault.secrets import KeyVaultSecret, SecretClient, SecretProperties

from sync.adapters.azure.bounded_retry import BoundedRetry
from sync.adapters.azure.credential_errors import Credential
from sync.adapters.azure.key_vault_errors import FAULTS, broken, explain, unserved, untrusted
from sync.adapters.azure.transport import azure_session, azure_transport
from sync.adapters.wire.json_strings import texts
from sync.core.errors import Permanent, Transient
from sync.core.model import OBJECT_NAME, ListedSecret, SecretName, Unserved, VaultName, VaultSecret
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_API_VERSION = "7.4"
_VAULTS_KEPT_OPEN = 64
_VERSION = re.compile(r"[0-9A-Za-z]{1,64}")
_MOST_SECRETS = 20_000
"""Of one vault: far more than its Secrets have room for. A listed secret may have 12 KB of tags."""


class KeyVaults:
    """The port Vaults over azure-keyvault-secrets; for any number of threads.

    `concurrency` is how many connections to one vault are kept; `now` gives epoch seconds;
    a vault of more than `most_secrets` is refused.
    """

    def __init__(
        self,
        credential: TokenCredential,
        dns_suffix: str,
        concurrency: int = 16,
        now: Callable[[], float] = time.time,
        most_secrets: int = _MOST_SECRETS,
    ) -> None:
        self._credential = Credential(credential)
        self._suffix = dns_suffix
        self._now = now
        self._session = azure_session(_VAULTS_KEPT_OPEN, concurrency)
        self._transport = azure_transport(self._session)
        self._doors: dict[str, _Door] = {}
        self._most_secrets = most_secrets

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return every secret of the vault, enabled or not, as its pages name them.

        Raises Permanent where there are too many to keep in mind, and what a page raises.
        """
        listed: list[ListedSecret] = []
        links: set[str] = set()
        link: str | None = None
        while True:
            page, link = self._page(vault, link, deadline)
            listed += page
            if len(listed) > self._most_secrets:
                raise Permanent(
                    Reason.VAULT_TOO_LARGE,
                    f"Vault {vault} has more than {self._most_secrets:,} secrets, which are not "
                    "listed: move some to an additional vault.",
                )
            if link is None:
                return listed
            if link in links:
                raise broken(self._host(vault), "its list of secrets never ends")
            links.add(link)

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return the current version of a secret, or the one that is asked for."""
        if not OBJECT_NAME.fullmatch(name) or (version and not _VERSION.fullmatch(version)):
            return Unserved.MISSING  # no vault can hold it, and no such text goes into a URL
        read_at = self._now()
        try:
            with self._open(vault, deadline) as client:
                found = client.get_secret(name, version, timeout=deadline.remaining())
            secret = _secret(found, read_at)
        except FAULTS as error:
            outcome = unserved(error) or explain(error, vault, self._host(vault))
        else:
            url = found.properties.vault_url
            if self._may_be_of(vault, url) and _is_asked(secret, name, version):
                return secret
            outcome = untrusted(self._host(vault), "it answered with another secret")
        if isinstance(outcome, Unserved):
            return outcome
        raise outcome  # outside the except clause: the SDK's exception may hold a body

    def close(self) -> None:
        """Close the connections to every vault."""
        self._session.close()

    def _page(
        self, vault: VaultName, link: str | None, deadline: Deadline
    ) -> tuple[Sequence[ListedSecret], str | None]:
        """Return a page of the listing, and the link to the next one."""
        try:
            with self._open(vault, deadline) as client:
                listing = client.list_properties_of_secrets(
                    timeout=deadline.remaining(), raw_response_hook=_check_page
                )
                pages = listing.by_page(link)
                found = list(next(pages))
                page = [_listed(properties) for properties in found]
            following: str | None = getattr(pages, "continuation_token", None)
        except FAULTS as error:
            failure = explain(error, vault, self._host(vault))
        else:
            link = self._at_home(vault, following) if following else None
            if not all(self._may_be_of(vault, properties.vault_url) for properties in found):
                failure = untrusted(self._host(vault), "it listed another vault")
            elif following and not link:
                failure = untrusted(self._host(vault), "its list goes on at another vault")
            else:
                return page, link
        raise failure  # outside the except clause: the SDK's exception may hold a body

    def _host(self, vault: VaultName) -> str:
        return f"{vault.text}.{self._suffix}"

    def _may_be_of(self, vault: VaultName, url: str | None) -> bool:
        """Tell whether it is not another vault's; who answers is the certificate's to say."""
        host = urlsplit(url or "").hostname or ""
        return host == self._host(vault) or not host.endswith(f".{self._suffix}")

    def _at_home(self, vault: VaultName, link: str) -> str | None:
        """Return a link as one to the vault's own host; None where it is another vault's.

        What the server calls itself there, behind a proxy for one, does not lead a token elsewhere.
        """
        with suppress(ValueError):
            if self._may_be_of(vault, link):
                return urlsplit(link)._replace(scheme="https", netloc=self._host(vault)).geturl()
        return None

    @contextmanager
    def _open(self, vault: VaultName, deadline: Deadline) -> Iterator[SecretClient]:
        """Give the vault's client; one is kept only of a vault that has answered well.

        Whoever may send events may name any number of vaults that are not there.
        """
        door = self._doors.get(vault.text)
        # Two threads may both make one; setdefault keeps the same for either.
        door = door or self._doors.setdefault(vault.text, _Door(self._client(vault)))
        try:
            with door.open(deadline) as client:
                yield client
        finally:
            if not door.opened:
                self._doors.pop(vault.text, None)

    def _client(self, vault: VaultName) -> SecretClient:
        return SecretClient(
            f"https://{self._host(vault)}",
            self._credential,
            api_version=_API_VERSION,
            transport=self._transport,
            retry_policy=BoundedRetry(),
            redirect_policy=RedirectPolicy.no_redirects(),  # a token goes to no other host
            logging_policy=SansIOHTTPPolicy(),  # the SDK's own can log bodies
        )


class _Door:
    """A vault's client, which one thread uses first.

    The SDK's challenge policy drops its token on every 401 and reads it without a lock, so that
    threads which all meet the vault's first challenge fail each other with AttributeError.
    """

    def __init__(self, client: SecretClient) -> None:
        self._client = client
        self._first = threading.Lock()
        self.opened = False

    @contextmanager
    def open(self, deadline: Deadline) -> Iterator[SecretClient]:
        """Give the client, to one thread alone until a call of its went well."""
        if not self.opened:
            if not self._first.acquire(timeout=deadline.remaining()):
                raise Transient(
                    Reason.DEADLINE_EXCEEDED, "No time was left for this vault in this run."
                )
            try:
                if not self.opened:
                    yield self._client
                    self.opened = True
                    return
            finally:
                self._first.release()
        yield self._client


def _check_page(response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
    """Raise KeyError for an answer that is no page: the SDK would take it for an empty one."""
    answer = response.http_response
    if answer.status_code == HTTPStatus.OK:
        match answer.json():
            case {"value": list()}:
                pass
            case _:
                raise KeyError("value")


def _is_asked(secret: VaultSecret, name: str, version: str | None) -> bool:
    return secret.name.casefold() == name.casefold() and version in {None, secret.version}


def _listed(properties: SecretProperties) -> ListedSecret:
    name = properties.name
    if not name:
        raise KeyError("id")
    return ListedSecret(
        name=SecretName(name),
        enabled=properties.enabled is not False,
        updated=_seconds(properties.updated_on),
        expires=_expiry(properties.expires_on),
        tags=texts(properties.tags),
        content_type=properties.content_type or "",
    )


def _secret(found: KeyVaultSecret, read_at: float) -> VaultSecret:
    properties = found.properties
    name, version, value = properties.name, properties.version, found.value
    if not name or not version or not isinstance(value, str):
        raise KeyError("id")
    return VaultSecret(
        name=SecretName(name),
        version=version,
        value=value,
        created=_seconds(properties.created_on),
        updated=_seconds(properties.updated_on),
        read_at=read_at,
        tags=texts(properties.tags),
        content_type=properties.content_type or "",
    )


def _seconds(moment: datetime | None) -> int:
    if moment is None:
        raise KeyError("attributes")
    return int(moment.timestamp())


def _expiry(moment: object) -> int | None:
    """Return epoch seconds; a time beyond the calendar, which the SDK leaves a number, is none."""
    return int(moment.timestamp()) if isinstance(moment, datetime) else None
