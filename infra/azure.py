"""Requests to Azure with the login of `az`, and waiting for what Azure makes visible only later."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

_TIMEOUT = 230.0  # seconds: what Azure's front ends give a request
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_LONGEST_OPERATION = 600  # seconds


class Refused(Exception):
    """What Azure said; `codes` are those of its error and of its details, in lower case."""

    def __init__(self, message: str, codes: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.codes = codes


class AzureError(Exception):
    """Azure could not be asked; the message is for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, its headers by their names in lower case, and its body."""

    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)

    def fields(self) -> dict[str, object]:
        """Return the JSON object of the body, or an empty one if there is none."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def refusal(self) -> Refused:
        """Return the error that the body tells of, or else the status with the body's start."""
        error = self.fields().get("error")
        if isinstance(error, dict) and error.get("code"):
            codes = frozenset(str(code).casefold() for code in _codes(error))
            return Refused(f"{error['code']}: {error.get('message', '')}".strip(), codes)
        return Refused(f"HTTP {self.status}: {self.text[:1000].strip()}")


class Clock:
    """The time that waiting takes."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""
        time.sleep(seconds)

    def pauses(self, seconds: float) -> Iterator[float]:
        """Yield the pauses to make between repetitions, in seconds, until that time is over."""
        end, pause = self.now() + seconds, _FIRST_PAUSE
        while self.now() < end:
            yield pause
            pause = min(pause * 2, _LONGEST_PAUSE)


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect, which would take the token to another host."""

    def redirect_request(self, *_: object) -> None:
        """Leave the response as it is."""


class Azure:
    """Sends requests as `az` is logged in; safe for threads."""

    def __init__(self) -> None:
        self._opener = build_opener(_NoRedirects)
        self._manager = _az("cloud", "show", "--query", "endpoints.resourceManager").rstrip("/")

    def manage(self, method: str, path: str, body: object = None) -> Answer:
        """Ask Resource Manager; `path` is a resource id with a query. Raises AzureError."""
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, self._manager + path, path.split("/")[2], content)

    def send(
        self,
        method: str,
        url: str,
        subscription: str,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Send a request with a token for the subscription's tenant.

        Any status is returned. Raises AzureError.
        """
        token = _az(
            *("account", "get-access-token", "--subscription", subscription),
            *("--query", "accessToken"),
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        request = Request(url, body, headers, method=method)  # noqa: S310 - of Azure's own answers
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as response:
                return _answer(response.status, response.headers, response.read())
        except HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error.read())
        except (HTTPException, OSError) as error:
            raise AzureError(f"{method} {url.partition('?')[0]} failed: {error}") from error

    def finish(self, method: str, path: str, clock: Clock, body: object = None) -> None:
        """Ask for a change and follow its operation to the end; raises Refused and AzureError."""
        answer = self.manage(method, path, body)
        headers = answer.headers
        operation = headers.get("azure-asyncoperation") or headers.get("location")
        for pause in clock.pauses(_LONGEST_OPERATION):
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise answer.refusal()
            match _state(answer).casefold():
                case "succeeded":
                    return
                case "failed" | "canceled":
                    raise answer.refusal()
            clock.sleep(pause)
            answer = (
                self.send("GET", operation, path.split("/")[2])
                if operation
                else self.manage("GET", path)
            )
        raise Refused(
            f"After {_LONGEST_OPERATION // 60} minutes its state is still {_state(answer)}."
        )


def _state(answer: Answer) -> str:
    """Return how far an operation is, which an operation and a resource tell differently."""
    told = answer.fields()
    properties = told.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    done = "InProgress" if answer.status == HTTPStatus.ACCEPTED else "Succeeded"
    return str(told.get("status") or inner.get("provisioningState") or done)


def _codes(error: Mapping[str, object]) -> Iterator[object]:
    yield error.get("code", "")
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield from _codes(detail)


def _answer(status: int, headers: Message, body: bytes) -> Answer:
    named = {name.lower(): value for name, value in headers.items()}
    return Answer(status, named, body.decode(errors="replace"))


def _az(*words: str) -> str:
    """Return one value that `az` prints; raises AzureError."""
    command = ["az", *words, "--output", "tsv", "--only-show-errors"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - az
    except OSError as error:
        raise AzureError("az is not on the PATH: install the Azure CLI and az login.") from error
    if done.returncode:
        raise AzureError(f"az {words[0]} failed: {done.stderr.strip() or 'without a word'}")
    return done.stdout.strip()
