"""Asks a deployed app over HTTP, with the standard library alone.

The key goes only over https, or to this machine, only to the host that was named, and never across
a redirect.
"""

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, IncompleteRead
from ipaddress import ip_address
from typing import IO, override
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
    getproxies,
)
from urllib.response import addinfourl

from sync.cli.documents import Document, text
from sync.cli.foreign_answers import Answer, explained
from sync.cli.no_answers import NoAnswer, refusal
from sync.cli.screen import Screen
from sync.cli.sources import Fields

ANSWER_SECONDS = 240  # App Service's front end ends an answer after 230 s
_PROBE_SECONDS = 20
_PAUSE = 2.0  # seconds between two attempts
_LONGEST = 64 * 1024 * 1024
_ANSWERS = {"outcomes", "vaults", "secrets", "checks"}
_HEALTH = {"ok", "misconfigured"}


class AddressError(Exception):
    """The URL is not one that a key may be sent to."""


@dataclass(frozen=True, slots=True)
class RemoteApp:
    """An app at a URL; `authorize` returns the headers that identify the caller, or a refusal."""

    url: str
    authorize: Callable[[], Document] = field(repr=False)
    login: str
    screen: Screen
    patience: float
    """The seconds for which an app that does not run yet is asked again."""
    by_token: bool = False
    longest: float = ANSWER_SECONDS

    def ask(self, route: str, fields: Fields) -> Document:
        """Return the app's answer, or why there is none."""
        with self.screen.waiting(f"waiting for {urlsplit(self.url).netloc}"):
            return self._ask(route, fields)

    def _ask(self, route: str, fields: Fields) -> Document:
        headers = self.authorize()
        if "reason" in headers:
            return headers
        request = _request(self.url, route, fields, headers)
        deadline = time.monotonic() + self.patience
        while True:
            answer = _sent(request, min(self.longest, ANSWER_SECONDS))
            passing = answer.passes if isinstance(answer, Answer) else bool(answer.get("starting"))
            if not passing or time.monotonic() + _PAUSE >= deadline:
                break
            time.sleep(_PAUSE)
        if not isinstance(answer, Answer):
            return {name: value for name, value in answer.items() if name != "starting"}
        # Without the key: the route is open, and the answer so far came from who knows where.
        health = Request(f"{self.url}/api/health")  # noqa: S310 - `checked` has seen the URL
        healthy = answer.status == HTTPStatus.NOT_FOUND and "status" in _probed(health)
        told = Answer(answer.url, answer.status, answer.headers, answer.body, self.by_token)
        return explained(told, healthy=healthy)


def _probed(health: Request) -> Document:
    answer = _sent(health, _PROBE_SECONDS)
    return {} if isinstance(answer, Answer) else answer


def checked(url: str) -> str:
    """Return the app's URL without a slash at its end; raises AddressError."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    try:
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise AddressError("its port is no number") from error
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise AddressError("it must be https://HOST, without a key, a user or a query")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise AddressError("it must begin with https://; http is only for this machine itself")
    path = parts.path.rstrip("/").removesuffix("/api")
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{'' if port is None else f':{port}'}{path}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _request(url: str, route: str, fields: Fields, headers: Document) -> Request:
    sent = {"Accept": "application/json", "User-Agent": "keyvault-sync"}
    sent |= {name: text(headers, name) for name in headers}
    if route == "resync":
        body = json.dumps(fields).encode()
        sent["Content-Type"] = "application/json"
        return Request(f"{url}/api/resync", body, sent, method="POST")  # noqa: S310 - `checked`
    query = urlencode({name: "true" if v is True else v for name, v in fields.items() if v})
    return Request(f"{url}/api/{route}{query and '?'}{query}", headers=sent)  # noqa: S310 - likewise


def _sent(request: Request, seconds: float) -> Answer | Document:
    """Return an answer of the app as it is, another one as Answer; `starting` marks a dead port."""
    try:
        with _opened(request, seconds) as response:
            return _read(request, response.status or 0, response.headers, response)
    except URLError as error:
        return _unreached(request, error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return _unreached(request, error)


def _opened(request: Request, seconds: float) -> addinfourl:
    try:
        response: addinfourl = _opener(request).open(request, timeout=seconds)
    except HTTPError as error:
        return error  # which is a response
    return response


def _read(request: Request, status: int, headers: Message, body: addinfourl) -> Answer | Document:
    content = body.read(_LONGEST)
    length = headers.get("Content-Length", "")
    if length.isdecimal() and len(content) < min(int(length), _LONGEST):
        raise IncompleteRead(b"")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and _is_ours(document, status):
        return document
    named = {name.lower(): value for name, value in headers.items()}
    return Answer(request.full_url, status, named, content, by_token=False)


def _is_ours(document: Document, status: int) -> bool:
    if document.keys() & _ANSWERS or text(document, "status") in _HEALTH:
        return True
    if text(document, "reason"):
        return bool(document.keys() & {"message", "faults"})
    return status == HTTPStatus.OK and bool(text(document, "version"))


def _unreached(request: Request, error: object) -> Document:
    host = request.host
    match error:
        case socket.gaierror():
            return refusal(
                NoAnswer.HOST_UNKNOWN,
                f"The name {host} does not resolve: check the URL, your DNS and, for an app with "
                "a private endpoint, that you are in its network.",
            )
        case ssl.SSLError():
            told = getattr(error, "verify_message", "") or getattr(error, "reason", "") or "refused"
            return refusal(
                NoAnswer.TLS_FAILED,
                f"There is no trusted TLS connection to {host} ({told}): check the URL; if a proxy "
                "of your company opens TLS, name its certificate in SSL_CERT_FILE.",
            )
        case ConnectionRefusedError():
            told = refusal(
                NoAnswer.APP_NOT_RUNNING,
                f"{host} refuses connections: nothing runs there, or not yet. Check the URL and "
                "its port, and start the app ('make up' for the local one).",
                transient=True,
            )
            return {**told, "starting": True}
        case TimeoutError():
            message = f"{host} did not answer in time: check your network and proxy (HTTPS_PROXY)."
        case _:
            message = (
                f"The connection to {host} failed ({type(error).__name__}): check your network "
                "and proxy (HTTPS_PROXY, NO_PROXY), and try again."
            )
    return refusal(NoAnswer.APP_NOT_REACHED, message, transient=True)


class _NoRedirects(HTTPRedirectHandler):
    @override
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow none: the key would go along."""


def _opener(request: Request) -> OpenerDirector:
    """Open https through the environment's proxy, which sees no key; http, this machine, not."""
    proxies = {name: url for name, url in getproxies().items() if name in {"https", "no"}}
    used = proxies if request.type == "https" else {}
    context = ssl.create_default_context()
    return build_opener(ProxyHandler(used), HTTPSHandler(context=context), _NoRedirects())
