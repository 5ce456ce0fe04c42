"""The container of the dead letters: lists and reads its blobs with the caller's Azure login."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from sync.cli.no_answers import NoAnswer

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContainerClient

LARGEST_BYTES = 8 << 20
"""The largest blob that is read; an event has 64 KiB at most (1 MiB in other services)."""

_ENDPOINT = re.compile(
    r"[a-z0-9]{3,24}(?:\.z[0-9]{1,2}\.blob\.storage\.azure\.net"
    r"|\.blob\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))"
)
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob in a listing, with its size in bytes."""

    name: str
    modified: datetime
    size: int


class Container(Protocol):
    """A container of blobs."""

    def blobs(self) -> Iterator[Blob]:
        """List every blob; raises ContainerError."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a blob's content, None if it is gone; raises ContainerError."""
        ...


class Opening(Protocol):
    """Opens a container."""

    def __call__(self, url: "ContainerUrl", /, *, verbose: bool) -> Container:
        """Return the container; raises ContainerError."""
        ...


class ContainerError(Exception):
    """The container cannot be read; `message` says why and what to do, in our own words."""

    def __init__(self, reason: NoAnswer, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ContainerUrlError(Exception):
    """The text is not the URL of a container that a token may be sent to."""


@dataclass(frozen=True, slots=True)
class ContainerUrl:
    """A container of a storage account."""

    account: str
    """The URL of the account's blobs, without a slash at its end."""
    container: str

    def __str__(self) -> str:
        return f"{self.account}/{self.container}"


def container_url(text: str) -> ContainerUrl:
    """Parse https://ACCOUNT.blob.core.windows.net/CONTAINER; raises ContainerUrlError.

    On this machine itself the account is the first part of the path, as Azurite has it.
    """
    parts = urlsplit(text)
    try:
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise ContainerUrlError("its port is no number") from error
    if parts.query or parts.fragment or parts.username is not None:
        raise ContainerUrlError("it must have no user, query or shared access signature")
    if parts.scheme != "https":
        raise ContainerUrlError("it must begin with https://")
    local = _is_loopback(host)
    if not local and (port is not None or not _ENDPOINT.fullmatch(host)):
        raise ContainerUrlError(
            "its host must be ACCOUNT.blob.core.windows.net, or another cloud's"
        )
    *account, container = parts.path.strip("/").split("/")
    if len(account) != local or not _CONTAINER.fullmatch(container):
        raise ContainerUrlError("its path must be the name of a container")
    return ContainerUrl("/".join([f"https://{parts.netloc}", *account]), container)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_container(url: ContainerUrl, /, *, verbose: bool) -> "AzureContainer":
    """Return the container with this process's Azure login; raises ContainerError."""
    try:
        from azure.storage.blob import ContainerClient  # noqa: PLC0415 - of the extra `cli`
    except ModuleNotFoundError as error:
        raise ContainerError(
            NoAnswer.LIBRARY_MISSING,
            "azure-storage-blob is not installed: install the command line anew with its extra, "
            "'keyvault-sync[cli]'.",
        ) from error
    from sync.adapters.azure.identity import log_in  # noqa: PLC0415 - takes a second
    from sync.adapters.azure.transport import azure_session, azure_transport  # noqa: PLC0415 - likewise
    from sync.cli.own_rights import log_to_stderr  # noqa: PLC0415 - likewise

    log_to_stderr(verbose=verbose)
    client = ContainerClient(
        url.account,
        url.container,
        credential=_Login(log_in(os.environ)()),
        transport=azure_transport(azure_session(hosts=1, connections=1), _READ_SECONDS),
        permit_redirects=False,
        initial_backoff=1,
        increment_base=2,
        retry_total=2,
    )
    return AzureContainer(url, client)


@dataclass(frozen=True, slots=True)
class AzureContainer:
    """A container in Azure Storage."""

    url: ContainerUrl
    client: "ContainerClient"

    def blobs(self) -> Iterator[Blob]:
        """List every blob; raises ContainerError."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - takes a second

        failure: ContainerError | None = None
        try:
            for each in self.client.list_blobs():
                yield Blob(each.name, each.last_modified, each.size)
        except AzureError as error:
            failure = self._failure(error)
        if failure is not None:
            raise failure  # outside the except clause: the library's exception quotes the response

    def read(self, name: str) -> bytes | None:
        """Return a blob's content, None if it is gone; raises ContainerError."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError  # noqa: PLC0415 - as above

        try:
            return self.client.download_blob(name, length=LARGEST_BYTES, offset=0).readall()
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            failure = self._failure(error)
        raise failure

    def _failure(self, error: "AzureError") -> ContainerError:
        status, code = getattr(error, "status_code", None), getattr(error, "error_code", None)
        if status == HTTPStatus.FORBIDDEN and str(code or "").endswith("AuthorizationFailure"):
            return self._told(
                NoAnswer.CONTAINER_FIREWALLED,
                "refuses the request (AuthorizationFailure): mostly this is the storage account's "
                "firewall, so use a network that it admits, or its private endpoint; else you "
                "lack the role Storage Blob Data Reader on the container.",
            )
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._told(
                NoAnswer.CONTAINER_FORBIDDEN,
                f"refuses you (HTTP status {int(status)}): you need the role Storage Blob Data "
                "Reader on it, with a login of its tenant. A role that was just assigned may need "
                "some minutes.",
            )
        if status == HTTPStatus.NOT_FOUND:
            return self._told(
                NoAnswer.CONTAINER_MISSING,
                "does not exist: compare its URL with the output deadLetterContainerUrl (Bicep) "
                "or dead_letter_container_url (Terraform) of the deployment.",
            )
        what = f"HTTP status {int(status)}" if status else type(error).__name__
        return self._told(
            NoAnswer.CONTAINER_NOT_READ,
            f"cannot be read ({what}): check its URL, your network and proxy (HTTPS_PROXY), and "
            "try again.",
        )

    def _told(self, reason: NoAnswer, why: str) -> ContainerError:
        return ContainerError(reason, f"The container {self.url} {why}")


class _Login:
    """The caller's own credential, whose failures quote nothing of an answer."""

    def __init__(self, credential: "TokenCredential") -> None:
        self._credential = credential

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> "AccessToken":
        """Return a token; raises ContainerError. The signature is that of TokenCredential."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - takes a second

        from sync.core.errors import SyncError  # noqa: PLC0415 - likewise

        try:
            return self._credential.get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **kwargs
            )
        except SyncError as error:
            message = error.message
        except AzureError as error:
            # Only the code of the message: the rest may quote an answer with a token in it.
            codes = re.findall(r"AADSTS\d+", str(error))
            told = f" ({codes[0]})" if codes else ""
            message = (
                f"azure-identity got no token for Azure Storage{told}: log in with 'az login', "
                "or set its environment variables."
            )
        raise ContainerError(NoAnswer.NO_LOG_IN, message)
