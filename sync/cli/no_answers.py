"""The reasons for which there is no answer of the app, or of the container of dead letters."""

from enum import StrEnum
from typing import Self

from sync.cli.documents import Document


class NoAnswer(StrEnum):
    """A stable word; `meaning` says who answered instead, or what failed before."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        """Create a reason from its word and its meaning."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.meaning = meaning
        return reason

    NO_LOG_IN = "NoLogIn", "azure-identity got no Entra token"
    NOT_PRE_AUTHORIZED = (
        "NotPreAuthorized",
        "AADSTS65001: the app registration has not pre-authorized the Azure CLI",
    )
    KEY_REFUSED = "KeyRefused", "401: the function key is wrong, or the app takes Entra tokens only"
    LOG_IN_REFUSED = "LogInRefused", "401: App Service authentication does not accept the token"
    CALLER_NOT_ALLOWED = (
        "CallerNotAllowed",
        "403: App Service authentication does not list the caller, or the application it uses",
    )
    NETWORK_REFUSED = "NetworkRefused", "403: the access restrictions do not list your address"
    APP_STOPPED = "AppStopped", "403: the app is stopped"
    APP_HAS_NO_FUNCTIONS = "AppHasNoFunctions", "404: no functions of ours run there"
    APP_TOO_OLD = "AppTooOld", "404: the app works, but does not have this route"
    APP_NOT_RUNNING = (
        "AppNotRunning",
        "502, 503 or a refused connection until `--timeout` was over: the app did not start",
    )
    APP_TOO_SLOW = "AppTooSlow", "504 or 500 without an answer of the app"
    APP_REDIRECTS = "AppRedirects", "a redirect, which is not followed"
    NOT_THE_APP = "NotTheApp", "any other answer that is not the app's, such as an HTML page"
    HOST_UNKNOWN = "HostUnknown", "the host's name does not resolve"
    TLS_FAILED = "TlsFailed", "the host's certificate is not trusted"
    APP_NOT_REACHED = "AppNotReached", "the connection failed in another way"
    CONTAINER_FORBIDDEN = (
        "ContainerForbidden",
        "401 or 403: you lack the role *Storage Blob Data Reader* on the container of dead letters",
    )
    CONTAINER_FIREWALLED = (
        "ContainerFirewalled",
        "403 `AuthorizationFailure`: mostly the storage account's firewall",
    )
    CONTAINER_MISSING = "ContainerMissing", "404: there is no such container"
    CONTAINER_NOT_READ = "ContainerNotRead", "the container cannot be read for another reason"
    DEAD_LETTER_MISSING = "DeadLetterMissing", "no dead letter that was searched has the id"
    LIBRARY_MISSING = "LibraryMissing", "azure-storage-blob, of the extra `cli`, is not installed"


def refusal(reason: str, message: str, *, transient: bool = False) -> Document:
    """Return an answer that says why there is none, in the form of the app's."""
    return {"reason": str(reason), "message": message, "transient": transient}
