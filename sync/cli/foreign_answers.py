"""Tells apart the answers that are not the app's own: who gave them, and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from sync.cli.documents import Document
from sync.cli.no_answers import NoAnswer, refusal

_PASSING = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP that has none of our JSON; `by_token` says how the caller logged in."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    by_token: bool

    @property
    def passes(self) -> bool:
        """Return whether an app that is just starting answers so."""
        return self.status in _PASSING

    @property
    def host(self) -> str:
        """Return the host that was asked."""
        return urlsplit(self.url).netloc


def explained(answer: Answer, *, healthy: bool) -> Document:
    """Return who gave the answer and what to do; `healthy` if /api/health is the app's own."""
    match answer.status:
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return _redirected(answer)
        case HTTPStatus.UNAUTHORIZED:
            return _unauthorized(answer)
        case HTTPStatus.FORBIDDEN:
            return _forbidden(answer)
        case HTTPStatus.NOT_FOUND:
            return _not_found(answer, healthy=healthy)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _broken(answer)
    return refusal(
        NoAnswer.NOT_THE_APP,
        f"{answer.host} answered with HTTP status {answer.status} and {_kind(answer)}, which is no "
        "answer of the app: check the URL, and that no proxy or gateway answers instead.",
    )


def _not_found(answer: Answer, *, healthy: bool) -> Document:
    if healthy:
        return refusal(
            NoAnswer.APP_TOO_OLD,
            f"The app at {answer.host} has no route {urlsplit(answer.url).path}: it is older than "
            "this command line. Deploy a newer app, or use --no-app for your own rights.",
        )
    return refusal(
        NoAnswer.APP_HAS_NO_FUNCTIONS,
        f"{answer.host} has no functions of ours: it is another app, nothing is deployed to it, "
        "or its functions could not be loaded. Check the URL, then look at 'az functionapp "
        "function list -g GROUP -n APP' and the app's log stream.",
    )


def _broken(answer: Answer) -> Document:
    if answer.passes:
        return refusal(
            NoAnswer.APP_NOT_RUNNING,
            f"The platform answered for {answer.host} with HTTP status {answer.status}: the app "
            "did not start or has crashed. Try again; look at its log stream and restart it with "
            "'az functionapp restart -g GROUP -n APP'.",
            transient=True,
        )
    return refusal(
        NoAnswer.APP_TOO_SLOW,
        f"The platform answered for {answer.host} with HTTP status {answer.status}: the app took "
        "longer than the front end waits (230 s), or failed without an answer. What it began goes "
        "on: look at 'keyvault-sync status' and the app's log, or ask for one vault.",
        transient=True,
    )


def _redirected(answer: Answer) -> Document:
    to = urlsplit(answer.headers.get("location", "")).netloc or "elsewhere"
    return refusal(
        NoAnswer.APP_REDIRECTS,
        f"{answer.host} redirects to {to}. A redirect is not followed, so that no key goes to "
        "another host: give the app's own https URL, or let App Service authentication answer "
        "401 to who is not logged in ('unauthenticatedClientAction': 'Return401').",
    )


def _unauthorized(answer: Answer) -> Document:
    if answer.by_token:
        return refusal(
            NoAnswer.LOG_IN_REFUSED,
            f"{answer.host} does not accept the Entra token: the scope must be that of the app "
            "registration in its App Service authentication, which must issue version 2 tokens. "
            "An app without it takes a function key in KEYVAULT_SYNC_KEY.",
        )
    if "bearer" in answer.headers.get("www-authenticate", "").lower():
        return refusal(
            NoAnswer.KEY_REFUSED,
            f"{answer.host} asks for a Microsoft Entra log-in and takes no key: unset "
            "KEYVAULT_SYNC_KEY and set KEYVAULT_SYNC_APP_SCOPE=api://CLIENT-ID/.default.",
        )
    return refusal(
        NoAnswer.KEY_REFUSED,
        f"{answer.host} does not accept the function key in KEYVAULT_SYNC_KEY: it is mistyped, of "
        "another app, or renewed. Get it with 'az functionapp keys list -g GROUP -n APP --query "
        "functionKeys.default --output tsv'.",
    )


def _forbidden(answer: Answer) -> Document:
    page = re.sub(rb"\s+", b" ", answer.body[:20_000]).lower()
    if b"stopped" in page or b"site disabled" in page:
        return refusal(
            NoAnswer.APP_STOPPED,
            f"The app at {answer.host} is stopped: start it with 'az functionapp start -g GROUP "
            "-n APP'.",
        )
    address = answer.headers.get("x-ms-forbidden-ip", "")
    if address or b"ip forbidden" in page:
        return refusal(
            NoAnswer.NETWORK_REFUSED,
            f"{answer.host} refuses your network address {address}".rstrip()
            + ": its access restrictions do not list it. Use a network that they list, or add "
            "yours with 'az functionapp config access-restriction add'.",
        )
    if answer.by_token:
        return refusal(
            NoAnswer.CALLER_NOT_ALLOWED,
            f"App Service authentication of {answer.host} refuses you: your object id has to be "
            "among its allowed principals, and the application that got the token (the Azure CLI "
            "is 04b07795-8ddb-461a-bbee-02f9e1bf7b46) among its allowed applications; "
            "docs/deploy.md says how.",
        )
    return refusal(
        NoAnswer.NETWORK_REFUSED,
        f"{answer.host}, or a gateway before it, refuses the request with HTTP status 403 before "
        "the app sees it: check its access restrictions, private endpoint and firewall.",
    )


def _kind(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "text/html":
        return "an HTML page"
    return "other JSON" if kind == "application/json" else kind or "no content"
