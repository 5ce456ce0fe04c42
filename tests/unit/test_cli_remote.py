"""The command line against an app over HTTP: what it sends where, and whose answers it takes."""

import io
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.authority import Authority
from sync.cli import entra
from sync.cli.documents import Document
from sync.cli.remote_app import AddressError, RemoteApp, checked
from sync.cli.screen import Screen
from tests.kit.command_line import Said, say

VAULT = "weu-ds-akv-shop-dev-1"
KEY = "k3y-0f-the-app=="
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
STATUS = {"vaults": [{"vault": VAULT, "state": "converged", "secrets": [{"name": "db-password"}]}]}

type Reply = tuple[int, Mapping[str, str], bytes]


def ours(document: Document, status: int = 200) -> Reply:
    """Return an answer of the app."""
    return status, JSON, json.dumps(document).encode()


@dataclass
class FakeApp:
    """A web server with scripted answers by path; the last of a path's stays."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def reply(self, path: str) -> Reply:
        """Return the next answer of a path."""
        replies = self.replies.get(path.partition("?")[0], [(404, {}, b"")])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return a handler that answers so."""
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                app.seen.append((f"{self.command} {self.path}", headers, body))
                status, sent, content = app.reply(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **sent}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - as the base class looks it up

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def served(app: FakeApp, context: ssl.SSLContext | None = None) -> Iterator[FakeApp]:
    """Serve it on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), app.handler())
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    app.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
    running = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    running.start()
    try:
        yield app
    finally:
        server.shutdown()
        running.join()
        server.server_close()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApp]:
    """Return an app that the environment chooses, with its key."""
    monkeypatch.setattr("sync.cli.remote_app._PAUSE", 0.05)
    with served(FakeApp(replies={"/api/status": [ours(STATUS)]})) as running:
        monkeypatch.setenv("KEYVAULT_SYNC_APP", running.url)
        monkeypatch.setenv("KEYVAULT_SYNC_KEY", KEY)
        yield running


def remote(*argv: str) -> Said:
    """Run a command with the process's own choice of a source; the key is never shown."""
    said = say(None, *argv)
    assert KEY not in said.out + said.err
    return said


def test_the_app_is_asked_with_the_key(app: FakeApp) -> None:
    """The key is a header; stderr says which app and which log-in."""
    said = remote("status")
    assert said.code == 0
    assert f"App {app.url}, with the function key in KEYVAULT_SYNC_KEY.\n" == said.err
    ((line, headers, _),) = app.seen
    assert line == "GET /api/status"
    assert headers["x-functions-key"] == KEY
    assert KEY not in line
    assert json.loads(remote("status", "-o", "json").out) == STATUS


@pytest.mark.parametrize(
    ("argv", "line", "body"),
    [
        (("status", VAULT), f"GET /api/status?vault={VAULT}", {}),
        (("explain", VAULT, "a-b"), f"GET /api/explain?vault={VAULT}&secret=a-b", {}),
        (
            ("plan", "--project", "p", "--stage", "s", "--removals"),
            "GET /api/plan?project=p&stage=s&removals=true",
            {},
        ),
        (("plan", "--all"), "GET /api/plan?all=true", {}),
        (("doctor",), "GET /api/doctor", {}),
        (("doctor", VAULT), f"GET /api/doctor?vault={VAULT}", {}),
        (("version",), "GET /api/version", {}),
        (
            ("resync", VAULT, "--takeover-from", "old-1"),
            "POST /api/resync",
            {"vault": VAULT, "takeover_from": "old-1"},
        ),
        (("resync", "--all"), "POST /api/resync", {"all": True}),
    ],
)
def test_each_command_has_its_route(
    app: FakeApp, argv: tuple[str, ...], line: str, body: Document
) -> None:
    """What is asked for is in the query, or in the JSON of a resync."""
    answer = {"outcomes": [], "vaults": [], "secrets": [], "checks": [], "version": "0"}
    for route in ("status", "explain", "plan", "doctor", "version", "resync"):
        app.replies[f"/api/{route}"] = [ours(answer)]
    assert remote(*argv).code == 0
    ((seen, _, sent),) = app.seen
    assert seen == line
    assert json.loads(sent or b"{}") == body


def test_an_answer_of_ours_with_a_status_of_failure_is_shown(app: FakeApp) -> None:
    """Outcomes are a table whatever the status; a refusal is its message, or each wrong setting."""
    refused = {"secret": "a", "reason": "TagWrong", "message": "Mend.", "transient": False}
    outcome = {"vault": VAULT, "outcome": "failed", "reason": "TagWrong", "message": "Mend."}
    app.replies["/api/resync"] = [ours({"outcomes": [{**outcome, "refused": [refused]}]}, 422)]
    said = remote("resync", VAULT)
    assert said.code == 1
    assert f"{VAULT}  a     TagWrong  Mend." in said.out
    app.replies["/api/plan"] = [ours({"reason": "NoVaults", "message": "Name one."}, 404)]
    said = remote("plan", "--all")
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("keyvault-sync: NoVaults: Name one.\n")
    faults = ["SYNC_PRUNE is wrong.", "SYNC_SCHEDULE is wrong."]
    app.replies["/api/status"] = [ours({"reason": "SettingsWrong", "faults": faults}, 500)]
    said = remote("status")
    assert said.code == 1
    assert said.err.splitlines()[1:] == [f"keyvault-sync: {fault}" for fault in faults]


FOREIGN: Mapping[str, tuple[Reply, str, str]] = {
    "no functions": ((404, {}, b""), "AppHasNoFunctions", "az functionapp function list"),
    "wrong key": ((401, {}, b""), "KeyRefused", "az functionapp keys list"),
    "a token is asked for": (
        (401, {"WWW-Authenticate": 'Bearer realm="x"'}, b""),
        "KeyRefused",
        "KEYVAULT_SYNC_APP_SCOPE",
    ),
    "address refused": (
        (403, {"x-ms-forbidden-ip": "203.0.113.9", **HTML}, b"<h1>Ip Forbidden</h1>"),
        "NetworkRefused",
        "203.0.113.9",
    ),
    "stopped": (
        (403, HTML, b"<h1>Error 403 - This web app is\nstopped.</h1>"),
        "AppStopped",
        "az functionapp start",
    ),
    "another 403": ((403, HTML, b"<h1>No</h1>"), "NetworkRefused", "before the app"),
    "crashed": ((502, HTML, b"<h1>Bad Gateway</h1>"), "AppNotRunning", "az functionapp restart"),
    "too slow": ((504, HTML, b"<h1>Timeout</h1>"), "AppTooSlow", "230 s"),
    "a page": ((200, HTML, b"<h1>Welcome</h1>"), "NotTheApp", "an HTML page"),
    "other JSON": ((200, JSON, b'{"hello": "world"}'), "NotTheApp", "other JSON"),
    "an error in JSON": ((404, JSON, b'{"status": 404}'), "AppHasNoFunctions", "Check the URL"),
    "JSON that is no object": ((200, JSON, b"[1]"), "NotTheApp", "other JSON"),
    "a redirect": (
        (302, {"Location": "https://login.example.com/x"}, b""),
        "AppRedirects",
        "login.example.com",
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_answers_that_are_not_the_apps_are_told_apart(app: FakeApp, case: str) -> None:
    """Each has its reason and its remedy, on stderr and as JSON, and is a failure."""
    reply, reason, remedy = FOREIGN[case]
    app.replies["/api/status"] = [reply]
    said = remote("status", "-o", "json", "--timeout", "0.1")
    assert said.code == 1
    told = json.loads(said.out)
    assert told["reason"] == reason
    assert remedy in told["message"]
    assert f"keyvault-sync: {reason}: " in said.err


def test_an_older_app_lacks_the_route(app: FakeApp) -> None:
    """A 404 of an app whose health is ours is an older app's; health is asked without the key."""
    app.replies["/api/health"] = [ours({"status": "ok"})]
    said = remote("explain", VAULT)
    assert "AppTooOld" in said.err
    line, headers, _ = app.seen[-1]
    assert line == "GET /api/health"
    assert "x-functions-key" not in headers


@pytest.mark.parametrize("status", [502, 503])
def test_a_cold_start_is_tried_again(app: FakeApp, status: int) -> None:
    """An app that is starting is asked again, until it answers."""
    app.replies["/api/status"] = [(status, HTML, b"starting"), (status, {}, b""), ours(STATUS)]
    assert remote("status").code == 0
    assert len(app.seen) == 3


def test_our_own_503_is_an_answer(app: FakeApp) -> None:
    """What the app itself says is not tried again: it has tried."""
    app.replies["/api/status"] = [ours({"reason": "ExaminationRunning", "message": "Wait."}, 503)]
    assert "ExaminationRunning" in remote("status").err
    assert len(app.seen) == 1


def test_a_dead_port_is_tried_until_the_deadline(app: FakeApp) -> None:
    """Refused connections are tried again as well, then told."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    said = remote("status", "--app", url, "--timeout", "0.2")
    assert said.code == 1
    assert "AppNotRunning" in said.err
    assert "make up" in said.err
    assert app.seen == []


def test_a_name_that_does_not_resolve(app: FakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS has its own message."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "app.example.com")
    monkeypatch.setattr("socket.getaddrinfo", unknown)
    said = remote("status", "--app", "https://app.example.com")
    assert said.code == 1
    assert "HostUnknown: The name app.example.com does not resolve" in said.err
    assert app.seen == []


def test_an_app_that_hangs_does_not_outlast_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait` ends at its own time, with the last reason, although nothing answered."""
    monkeypatch.setenv("KEYVAULT_SYNC_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = remote("wait", VAULT, "--app", url, "--timeout", "0.2")
    assert said.code == 2
    assert "AppNotReached" in said.err
    assert "did not answer in time" in said.err


def test_a_cut_connection_is_told(app: FakeApp) -> None:
    """Half an answer is none."""
    app.replies["/api/status"] = [(200, {**JSON, "Content-Length": "500"}, b'{"vaults": []}')]
    said = remote("status")
    assert said.code == 1
    assert "AppNotReached" in said.err
    assert "(IncompleteRead)" in said.err


def test_tls_is_checked(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    """An authority that nobody trusts is told, and no key is sent; SSL_CERT_FILE adds one."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    secure = FakeApp(replies={"/api/status": [ours(STATUS)]})
    with served(secure, authority.server_context("127.0.0.1")):
        said = remote("status", "--app", secure.url)
        assert "TlsFailed" in said.err
        assert "SSL_CERT_FILE" in said.err
        assert secure.seen == app.seen == []
        (tmp_path / "ca.pem").write_bytes(authority.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert remote("status", "--app", secure.url).code == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_crosses_no_redirect(app: FakeApp, status: int) -> None:
    """Neither to another host nor within this one."""
    with served(FakeApp(replies={"/x": [ours(STATUS)]})) as other:
        for to in (f"{other.url}/x", "/api/health"):
            app.replies["/api/status"] = [(status, {"Location": to}, b"")]
            assert "AppRedirects" in remote("status").err
        assert other.seen == []
    assert {line for line, _, _ in app.seen} == {"GET /api/status"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://app.example.com", "https://"),
        ("ftp://app.example.com", "https://"),
        ("https://user:x@app.example.com", "without a key"),
        ("https://app.example.com/?code=x", "without a key"),
        ("https://", "https://HOST"),
        ("https://app.example.com:port", "no number"),
        ("http://127.0.0.1.example.com", "https://"),
    ],
)
def test_a_key_goes_only_where_it_is_safe(app: FakeApp, url: str, told: str) -> None:
    """Neither in clear text to another machine nor to a URL that has secrets of its own."""
    with pytest.raises(AddressError, match=told):
        checked(url)
    said = remote("status", "--app", url)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert app.seen == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("app.example.com", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com"),
        ("https://app.example.com/api/", "https://app.example.com"),
        ("http://localhost:7071", "http://localhost:7071"),
        ("http://[::1]:7071", "http://[::1]:7071"),
        ("https://gateway.example.com/sync", "https://gateway.example.com/sync"),
    ],
)
def test_an_address_is_https_or_this_machine(url: str, address: str) -> None:
    """A host alone is one of https; what a portal shows is taken."""
    assert checked(url) == address


def test_no_app_means_the_callers_own_rights(app: FakeApp) -> None:
    """--no-app overrides the environment and says so; with --app it is a contradiction."""
    said = remote("status", "--no-app", "-o", "json")
    assert said.err.startswith("No app: with your own rights")
    assert app.seen == []
    assert "exclude each other" in remote("status", "--no-app", "--app", app.url).err


def test_without_a_key_or_a_scope_nothing_is_asked(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app without a log-in is a usage error, never a reason for the caller's own rights."""
    monkeypatch.delenv("KEYVAULT_SYNC_KEY")
    said = remote("status")
    assert (said.code, app.seen) == (1, [])
    assert "KEYVAULT_SYNC_APP_SCOPE" in said.err
    monkeypatch.setenv("KEYVAULT_SYNC_KEY", "two\nlines")
    said = say(None, "status")
    assert said.code == 1
    assert "two" not in said.err


@pytest.mark.parametrize(("theirs", "warned"), [("0.0.1", True), ("", False)])
def test_a_skew_of_versions_is_a_warning(app: FakeApp, theirs: str, *, warned: bool) -> None:
    """`version` shows both, and warns on stderr if they differ."""
    own = say(None, "version", "--no-app", "-o", "name").out.strip()
    app.replies["/api/version"] = [ours({"version": theirs or own})]
    said = remote("version", "-o", "json")
    assert said.code == 0
    assert json.loads(said.out) == {"command_line": own, "app": theirs or own}
    assert ("warning: the app has version" in said.err) is warned


class Credential:
    """A credential that gives a token, or fails with a text."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal, self.scopes = refusal, list[str]()

    def get_token(self, scope: str) -> object:
        """Return a token of an hour."""
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - as the module under test
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - likewise

        self.scopes.append(scope)
        if self.refusal:
            raise ClientAuthenticationError(self.refusal)
        return AccessToken("t0ken", 2**33)


def with_login(monkeypatch: pytest.MonkeyPatch, credential: Credential) -> None:
    """Log in with it, for a client id."""
    monkeypatch.delenv("KEYVAULT_SYNC_KEY")
    monkeypatch.setenv("KEYVAULT_SYNC_APP_SCOPE", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    monkeypatch.setattr(
        "sync.adapters.azure.identity.log_in", lambda _environment: lambda: credential
    )


def test_an_entra_token_is_a_bearer(app: FakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the log-in of azure-identity gets a token for the app's scope."""
    credential = Credential()
    with_login(monkeypatch, credential)
    said = remote("status")
    scope = "api://3f2504e0-4f89-11d3-9a0c-0305e82c3301/.default"
    assert (said.code, credential.scopes) == (0, [scope])
    assert f"with an Entra token for {scope}." in said.err
    assert "t0ken" not in said.err + said.out
    assert app.seen[0][1]["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("refusal", "reason", "remedy"),
    [
        ("AADSTS65001: consent; trace t0ken", "NotPreAuthorized", "docs/deploy.md"),
        ("AADSTS50076: t0ken", "NoLogIn", "(AADSTS50076)"),
        ("Please run az login; t0ken", "NoLogIn", "az login"),
    ],
)
def test_a_refused_log_in_is_told_without_its_answer(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch, refusal: str, reason: str, remedy: str
) -> None:
    """Of what Entra says only the code is shown."""
    with_login(monkeypatch, Credential(refusal))
    said = remote("status")
    assert (said.code, app.seen) == (1, [])
    assert reason in said.err
    assert remedy in said.err
    assert "t0ken" not in said.err


@pytest.mark.parametrize(("status", "reason"), [(401, "LogInRefused"), (403, "CallerNotAllowed")])
def test_a_token_that_the_app_refuses(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch, status: int, reason: str
) -> None:
    """With a token 401 and 403 are App Service authentication's."""
    with_login(monkeypatch, Credential())
    app.replies["/api/status"] = [(status, HTML, b"You do not have permission")]
    assert reason in remote("status").err


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ("api://x", "api://x/.default"),
        ("api://x/.default", "api://x/.default"),
        ("https://app.example.com/", "https://app.example.com/.default"),
    ],
)
def test_a_scope_may_be_short(given: str, scope: str) -> None:
    """The resource alone means its default scope."""
    assert entra.full_scope(given) == scope


def test_a_source_shows_no_key() -> None:
    """Whoever prints a source sees no key."""
    screen = Screen(io.StringIO(), io.StringIO())
    assert KEY not in repr(
        RemoteApp("https://x", lambda: {"x-functions-key": KEY}, "a key", screen, patience=1.0)
    )


def test_a_terminal_sees_how_long_it_waits(app: FakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the app works one line counts the seconds, and goes away again."""
    monkeypatch.setattr("sync.cli.screen._TICK", 0.01)
    app.replies["/api/status"] = [(503, {}, b""), (503, {}, b""), ours(STATUS)]
    said = say(None, "status", width=80)
    assert said.code == 0
    _, _, progress = said.err.partition("\n")
    assert progress.startswith("\rwaiting for 127.0.0.1:")
    assert progress.endswith(" \r")


LIGHT = {"azure", "kubernetes", "cryptography", "requests", "urllib3", "yaml", "logging"}


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("resync", "--help"),
        ("help", "doctor"),
        ("completion", "bash"),
        ("status",),
        ("explain", VAULT),
        ("plan", "--all"),
        ("resync", VAULT),
        ("doctor",),
        ("version",),
        ("wait", VAULT),
    ],
)
def test_what_asks_an_app_with_a_key_imports_no_sdk(app: FakeApp, argv: tuple[str, ...]) -> None:
    """Neither help, nor completion, nor any command by function key waits for the SDKs."""
    answer = {"outcomes": [], "vaults": [], "secrets": [], "checks": [], "version": "0"}
    for route in ("status", "explain", "plan", "doctor", "version", "resync"):
        app.replies[f"/api/{route}"] = [ours(answer)]
    script = (
        "import sys\nfrom sync.cli.main import main\ncode = main(sys.argv[1:])\n"
        f"print(code, sorted({LIGHT} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script, *argv],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "0 []"


def test_without_click_the_script_says_how_to_have_it() -> None:
    """The extra is missing: a plain failure with the commands that install it."""
    script = (
        "import sys\nsys.modules['click'] = None\n"
        "from sync.cli.main import main\nsys.exit(main(['status']))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "keyvault-sync[cli]" in done.stderr
    assert "pip install '.[cli]'" in done.stderr
