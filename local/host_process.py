"""The Functions host in its own process, with only the app's environment."""

import json
import logging
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

_told = logging.getLogger("local.told")
_READY = "listening on "
_STOP_SECONDS = 10
_ANSWER_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response; `body` is its parsed text, empty if that is not a JSON object."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, object]
    text: str


@dataclass(slots=True)
class HostProcess:
    """`with HostProcess(app, environment, log) as host`: the app, served on loopback.

    `log` receives what the app and the host write to stderr.
    """

    app: Path
    environment: Mapping[str, str]
    log: Path
    timer: bool = True
    port: int = 0
    master_key: str = field(default_factory=secrets.token_hex, repr=False)
    function_key: str = field(default_factory=secrets.token_hex, repr=False)
    event_grid_key: str = field(default_factory=secrets.token_hex, repr=False)
    url: str = ""
    _process: subprocess.Popen[str] | None = None
    _draining: threading.Thread | None = None
    _log_start: int = 0
    _http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=32, retries=False)
    )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._http.clear()

    def start(self) -> None:
        """Start the process and wait until it serves; raises RuntimeError with its last output."""
        command = [sys.executable, "-m", "local.functions_host", "--app", str(self.app)]
        command += ["--until-eof", "--port", str(self.port)]
        command += [] if self.timer else ["--no-timer"]
        command += ["--master-key", self.master_key, "--function-key", self.function_key]
        command += ["--event-grid-key", self.event_grid_key]
        with self.log.open("a") as log:
            self._log_start = log.tell()
            process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                env=dict(self.environment),
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE,  # which closes when we end, even if we are killed
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # we pass on a Ctrl-C ourselves
            )
        try:
            self.url = self._listening(process)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.port = int(self.url.rpartition(":")[2])
        self._draining = threading.Thread(target=_drain, args=(process,), daemon=True)
        self._draining.start()
        self._process = process

    def _listening(self, process: subprocess.Popen[str]) -> str:
        """Wait until the process says where it serves."""
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(_READY):
                return line.removeprefix(_READY).strip()
            _told.debug("the app printed: %s", line.rstrip())
        raise RuntimeError(f"the Functions host did not start; see {self.log}")

    def stop(self) -> None:
        """Ask the process to exit, and wait until it has."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None
        if self._draining is not None:
            self._draining.join(_STOP_SECONDS)
        if _told.isEnabledFor(logging.DEBUG):
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                _told.debug("the app logged: %s", log.read().decode(errors="replace"))

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id, for observation from outside; valid only while it runs."""
        assert self._process is not None
        return self._process.pid

    def webhook(self, function: str) -> str:
        """Return the URL to which Event Grid delivers a function's events."""
        return (
            f"{self.url}/runtime/webhooks/eventgrid?functionName={function}"
            f"&code={self.event_grid_key}"
        )

    def fire(self, function: str) -> int:
        """Run a timer's function now and wait for it; return 202, or 500 if it raised."""
        return self._call(
            "POST", f"/admin/functions/{function}?wait=true", {}, self.master_key
        ).status

    def deliver(self, function: str, event: object) -> int:
        """Post one event of either schema as Event Grid would; return the status."""
        answer = self._http.request(
            "POST",
            self.webhook(function),
            body=json.dumps([event]),
            headers={"aeg-event-type": "Notification", "Content-Type": "application/json"},
            timeout=_ANSWER_SECONDS,
        )
        _heard(answer)
        return answer.status

    def get(self, path: str) -> Answer:
        """GET a route of the app with its function key."""
        return self._call("GET", path, None, self.function_key)

    def post(self, path: str, body: object) -> Answer:
        """POST JSON, or bytes as they are, to a route of the app with its function key."""
        return self._call("POST", path, body, self.function_key)

    def _call(self, method: str, path: str, body: object, key: str) -> Answer:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        answer = self._http.request(
            method,
            self.url + path,
            body=content,
            headers={"x-functions-key": key, "Content-Type": "application/json"},
            timeout=_ANSWER_SECONDS,
        )
        text = _heard(answer)
        told = json.loads(text) if text.startswith("{") else {}
        return Answer(answer.status, dict(answer.headers), told, text)


def _heard(answer: urllib3.BaseHTTPResponse) -> str:
    """Return the response's text, and log it at DEBUG for tests that search the app's output."""
    text = answer.data.decode(errors="replace")
    _told.debug("the app answered: %d %s %s", answer.status, dict(answer.headers), text)
    return text


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            _told.debug("the app printed: %s", line.rstrip())
