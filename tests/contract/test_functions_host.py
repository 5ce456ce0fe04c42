"""The rules of the Functions host, seen from outside with a sample app in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

import pytest
import requests

from local.functions_host.timer import read_schedule
from tests.kit.waiting import wait_until

SAMPLE = Path(__file__).parent / "sample_app"
REPOSITORY = Path(__file__).parents[2]
MASTER, FUNCTION, EVENT_GRID = "master-key", "function-key", "event-grid-key"
KEYS = ("--master-key", MASTER, "--function-key", FUNCTION, "--event-grid-key", EVENT_GRID)
DEADLINE = 20.0
PARENT = """
import os, sys, time
from pathlib import Path
from local.host_process import HostProcess

with HostProcess(Path(sys.argv[1]), os.environ, Path(sys.argv[2])) as host:
    print(host.url, flush=True)
    time.sleep(60)
"""

EVENT = {
    "id": "1",
    "topic": "/subscriptions/s/vault",
    "subject": "a-secret",
    "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
    "eventTime": "2026-01-01T00:00:00.1234567Z",
    "data": {"ObjectName ": " blank", "NBF": None, "EXP": 17},
    "dataVersion": "1",
    "metadataVersion": "1",
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "2",
    "source": "/subscriptions/s/vault",
    "type": "Microsoft.KeyVault.SecretNewVersionCreated",
    "subject": "a-secret",
    "data": {"ObjectName": "a-secret"},
}


@dataclass(frozen=True, slots=True)
class Host:
    """A running host: its process, address and what it wrote to stderr."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    session: requests.Session

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        """Send a request; `key` is sent as x-functions-key."""
        headers = options.pop("headers", {})
        assert isinstance(headers, dict)
        if key := options.pop("key", None):
            headers = {**headers, "x-functions-key": key}
        body = options.pop("body", b"")
        assert isinstance(body, (str, bytes))
        assert not options
        return self.session.request(
            method, self.url + path, headers=headers, data=body, timeout=DEADLINE
        )

    def notify(
        self,
        function: str,
        body: object,
        *,
        kind: str | None = "Notification",
        key: str = EVENT_GRID,
        content_type: str = "application/json",
    ) -> requests.Response:
        """Post to the webhook as Event Grid does."""
        headers = {"Content-Type": content_type} | ({"aeg-event-type": kind} if kind else {})
        return self.call(
            "POST",
            f"/runtime/webhooks/eventgrid?functionName={function}&code={key}",
            headers=headers,
            body=json.dumps(body),
        )

    def seen(self) -> list[str]:
        """Return what the sample app recorded."""
        seen: list[str] = self.call("GET", "/v1/seen").json()
        return seen


APP = "import azure.functions as func\napp = func.FunctionApp()\n"
TIMER_BODY = "def f(t: func.TimerRequest) -> None: ...\n"


@contextmanager
def running_host(
    log: Path,
    *options: str,
    tick: str = "00:00:01",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Host]:
    """Run the sample app until the end of the block."""
    command = [sys.executable, "-m", "local.functions_host", "--app", str(SAMPLE), *KEYS, *options]
    with (
        log.open("w") as stderr,
        requests.Session() as session,
        subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            cwd=REPOSITORY,
            env={**os.environ, "TICK": tick, **environment},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        session.trust_env = False
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), log.read_text()
        try:
            yield Host(process, line.split()[-1], log, session)
        finally:
            process.terminate()
            process.wait(DEADLINE)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Run the sample app without its timer's own schedule."""
    with running_host(tmp_path_factory.mktemp("host") / "log", "--no-timer") as running:
        yield running


def is_served(host: SplitResult) -> bool:
    """Tell whether anybody listens there."""
    try:
        socket.create_connection((host.hostname, host.port), DEADLINE).close()
    except ConnectionRefusedError:
        return False
    return True


def refused(app: Path) -> subprocess.CompletedProcess[str]:
    """Run the host on an app that it cannot serve."""
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "local.functions_host", "--app", str(app)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


class TestHttp:
    """Routes, keys and answers of HTTP triggers."""

    def test_an_app_knows_its_own_host(self, host: Host) -> None:
        """The environment names the host by which callers and Event Grid reach the app."""
        assert host.call("GET", "/v1/host").text == urlsplit(host.url).netloc

    def test_request_and_response_pass_whole(self, host: Host) -> None:
        """Method, URL, route parameter, query, header and body go in; status and headers out."""
        answer = host.call(
            "POST", "/v1/echo/hi?q=1&q2=2", key=FUNCTION, headers={"X-Asked": "y"}, body="bødy"
        )
        assert answer.status_code == 203
        assert answer.headers["x-answered"] == "yes"
        assert answer.cookies["a"] == "b"
        assert answer.json() == {
            "method": "POST",
            "url": f"{host.url}/v1/echo/hi?q=1&q2=2",
            "word": "hi",
            "query": "1",
            "header": "y",
            "body": "bødy",
        }

    @pytest.mark.parametrize("key", [FUNCTION, MASTER])
    def test_function_level_takes_function_and_master_key(self, host: Host, key: str) -> None:
        """A FUNCTION trigger opens with either key, in the header or as code."""
        assert host.call("POST", "/v1/echo/hi", key=key).status_code == 203
        assert host.call("POST", f"/v1/echo/hi?code={key}").status_code == 203

    @pytest.mark.parametrize("key", [None, "wrong", EVENT_GRID])
    def test_function_level_refuses_other_keys(self, host: Host, key: str | None) -> None:
        """A FUNCTION trigger answers 401 without its key."""
        assert host.call("POST", "/v1/echo/hi", key=key).status_code == 401

    def test_admin_level_takes_the_master_key_alone(self, host: Host) -> None:
        """An ADMIN trigger is closed to the function key."""
        assert host.call("GET", "/v1/secret", key=FUNCTION).status_code == 401
        assert host.call("GET", "/v1/secret", key=MASTER).text == "for the master"

    @pytest.mark.parametrize("path", ["/V1/Echo/Hi", "/v1/ECHO/Hi/"])
    def test_a_path_is_taken_in_any_case(self, host: Host, path: str) -> None:
        """Routes match in any case and with a slash at the end; a parameter keeps its case."""
        assert host.call("POST", path, key=FUNCTION).json()["word"] == "Hi"

    def test_the_root_is_a_page(self, host: Host, tmp_path: Path) -> None:
        """Anybody gets the host's page at /, unless the app switches it off."""
        answer = host.call("GET", "/")
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        off = {"AzureWebJobsDisableHomepage": "true"}
        with running_host(tmp_path / "log", "--no-timer", environment=off) as without:
            answer = without.call("GET", "/")
        assert (answer.status_code, answer.content) == (204, b"")

    def test_unknown_route(self, host: Host) -> None:
        """A route that no function has is not found, with the prefix or without."""
        assert host.call("GET", "/v1/nothing").status_code == 404
        assert host.call("GET", "/api/seen").status_code == 404

    @pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS"])
    def test_a_method_that_the_binding_does_not_name_is_not_found(
        self, host: Host, method: str
    ) -> None:
        """The host answers an empty 404 to it and not 405, whatever the key."""
        answer = host.call(method, "/v1/seen", key=MASTER)
        assert (answer.status_code, answer.content) == (404, b"")
        assert "Allow" not in answer.headers

    def test_a_query_is_joined_and_nothing_empty_is_handed_on(self, host: Host) -> None:
        """What a query has twice reaches the app joined by a comma, what is empty not at all."""
        assert host.call("POST", "/v1/echo/a?q=1&q=2", key=FUNCTION).json()["query"] == "1,2"
        assert host.call("POST", "/v1/echo/a?q=", key=FUNCTION).json()["query"] is None

    def test_a_body_without_a_length_is_not_handed_on(self, host: Host) -> None:
        """What comes in chunks reaches the app as nothing."""
        answer = requests.post(
            f"{host.url}/v1/echo/a", iter([b"x"]), headers={"x-functions-key": FUNCTION}, timeout=9
        )
        assert answer.json()["body"] == ""

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_exception_is_500_without_its_text(self, host: Host, method: str) -> None:
        """A function that raises answers an empty 500; a binding without methods takes all."""
        answer = host.call(method, "/v1/broken")
        assert (answer.status_code, answer.content) == (500, b"")

    def test_calls_beyond_the_bound_wait(self, host: Host) -> None:
        """No more than maxConcurrentRequests run at once, and all of them are answered."""
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: host.call("GET", "/v1/slow"), range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert max(int(answer.text) for answer in answers) <= 4

    def test_calls_beyond_the_outstanding_ones_are_refused(self, host: Host) -> None:
        """What is over maxOutstandingRequests gets 429 at once, with a header to scale out."""
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: host.call("GET", "/v1/slow"), range(20)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 0 < len(refused) < 20
        assert all(answer.headers["X-FUNCTION-SCALEOUT"] == "1" for answer in refused)
        assert {answer.status_code for answer in answers} == {200, 429}
        assert host.call("GET", "/v1/slow").status_code == 200

    def test_a_thread_is_at_hand_for_each_call(self, host: Host) -> None:
        """The host gives the worker a pool of a thousand threads, where the app sets nothing."""
        assert host.call("GET", "/v1/threads").text == "1000"


class TestWebhook:
    """The Event Grid webhook."""

    @pytest.mark.parametrize("function", ["sync_event", "async_event"])
    @pytest.mark.parametrize(
        ("event", "content_type"),
        [(EVENT, "application/json"), (CLOUD_EVENT, "application/cloudevents+json")],
        ids=["event-grid", "cloud-event"],
    )
    def test_event_arrives_raw(
        self, host: Host, function: str, event: dict[str, object], content_type: str
    ) -> None:
        """An event of either schema reaches a `str` parameter as it was sent."""
        planted = {**event, "id": f"{function}-{event['id']}"}
        body = [planted] if event is EVENT else planted
        assert host.notify(function, body, content_type=content_type).status_code == 202
        assert planted in [json.loads(text) for text in host.seen() if text.startswith("{")]

    def test_batch_is_one_invocation_per_event(self, host: Host) -> None:
        """Each event of a batch reaches the function by itself."""
        events = [{**CLOUD_EVENT, "id": f"batch-{number}"} for number in range(3)]
        kind = "application/cloudevents-batch+json"
        assert host.notify("sync_event", events, content_type=kind).status_code == 202
        assert len([text for text in host.seen() if '"batch-' in text]) == 3

    def test_one_failure_fails_the_batch(self, host: Host) -> None:
        """If one event raises, the answer is an empty 500 and the others still ran."""
        answer = host.notify("sync_event", [{"data": "fail"}, {**EVENT, "id": "beside-failure"}])
        assert (answer.status_code, answer.content) == (500, b"")
        assert any("beside-failure" in text for text in host.seen())

    def test_validation_handshake(self, host: Host) -> None:
        """The host itself answers a subscription's validation with its code."""
        event = {**EVENT, "data": {"validationCode": "512d38b6", "validationUrl": "https://x"}}
        answer = host.notify("sync_event", [event], kind="SubscriptionValidation")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.json() == {"validationResponse": "512d38b6"}

    def test_validation_of_an_event_whose_data_is_text(self, host: Host) -> None:
        """A single validation event may have its data as JSON in a text, as CloudEvents has it."""
        event = {**CLOUD_EVENT, "data": json.dumps({"validationCode": "512d38b6"})}
        answer = host.notify("sync_event", event, kind="SubscriptionValidation")
        assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})
        assert host.notify("sync_event", [event], kind="SubscriptionValidation").status_code == 500
        broken = {**event, "data": "{"}
        assert host.notify("sync_event", broken, kind="SubscriptionValidation").status_code == 500

    @pytest.mark.parametrize("path", ["EventGrid", "EVENTGRID/", "eventgrid"])
    def test_the_webhook_is_found_in_any_case(self, host: Host, path: str) -> None:
        """Its path has no case, and the function's name in it has."""
        query = f"functionName=sync_event&code={EVENT_GRID}"
        body, headers = json.dumps([EVENT]), {"aeg-event-type": "Notification"}
        url = f"/runtime/webhooks/{path}?{query}"
        assert host.call("POST", url, headers=headers, body=body).status_code == 202
        url = url.replace("sync_event", "Sync_Event")
        assert host.call("POST", url, headers=headers, body=body).status_code == 404

    @pytest.mark.parametrize("body", ["null", "5", '"x"', "[null]", "no JSON", "", "{"])
    def test_what_is_no_event_calls_nothing(self, host: Host, body: str) -> None:
        """A body that the extension cannot read is an empty 500, and the function is not called."""
        before = host.seen()
        path = f"/runtime/webhooks/eventgrid?functionName=sync_event&code={EVENT_GRID}"
        headers = {"aeg-event-type": "Notification"}
        answer = host.call("POST", path, headers=headers, body=body)
        assert (answer.status_code, answer.content) == (500, b"")
        assert host.seen() == before

    def test_abuse_protection_handshake(self, host: Host) -> None:
        """The host answers the OPTIONS request that CloudEvents subscriptions begin with."""
        path = f"/runtime/webhooks/eventgrid?functionName=sync_event&code={EVENT_GRID}"
        origin = {"WebHook-Request-Origin": "eventgrid.azure.net"}
        answer = host.call("OPTIONS", path, headers=origin)
        assert answer.status_code == 200
        assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        assert "WebHook-Allowed-Rate" not in answer.headers
        assert host.call("OPTIONS", path).status_code == 400

    def test_refusals(self, host: Host) -> None:
        """404 unknown function, 401 no key, 403 another key, 400 no event type, 202 unsubscribe."""
        assert host.notify("nobody", [EVENT]).status_code == 404
        assert host.notify("tick", [EVENT]).status_code == 404
        assert host.notify("sync_event", [EVENT], key="wrong").status_code == 401
        assert host.notify("sync_event", [EVENT], key=FUNCTION).status_code == 403
        assert host.notify("sync_event", [EVENT], key=MASTER).status_code == 202
        assert host.notify("sync_event", [EVENT], kind=None).status_code == 400
        assert host.notify("sync_event", CLOUD_EVENT, kind=None).status_code == 400
        assert host.notify("sync_event", [], kind="SubscriptionValidation").status_code == 500
        assert host.notify("sync_event", [], kind="Unsubscribe").status_code == 202


class TestAdmin:
    """The host's own routes."""

    def test_status_lists_the_functions(self, host: Host) -> None:
        """The holder of the master key sees that the host runs, and what."""
        assert host.call("GET", "/admin/host/status").status_code == 401
        status = host.call("GET", "/admin/host/status", key=MASTER).json()
        assert status["state"] == "Running"
        assert {"sync_event", "async_event", "tick", "echo"} <= set(status["functions"])

    def test_timer_runs_when_asked(self, host: Host) -> None:
        """An admin call runs a timer, in the background or, with wait, before the answer."""
        before = len([text for text in host.seen() if text.startswith("tick")])
        path = "/admin/functions/tick"
        assert host.call("POST", path, key=FUNCTION, body="{}").status_code == 403
        assert host.call("POST", path, key="wrong", body="{}").status_code == 401
        assert host.call("POST", f"{path}?wait=true", key=MASTER, body="{}").status_code == 202
        assert len([text for text in host.seen() if text.startswith("tick")]) == before + 1
        assert host.call("POST", path, key=MASTER, body='{"input": null}').status_code == 202
        wait_until(
            lambda: len([text for text in host.seen() if text.startswith("tick")]) == before + 2
        )

    def test_event_function_runs_with_the_input(self, host: Host) -> None:
        """An event given as text or as an object reaches the function; a failure is 500."""
        path = "/admin/functions/sync_event?wait=true"
        for given in (json.dumps({"id": "admin-text"}), {"id": "admin-object"}):
            body = json.dumps({"input": given})
            assert host.call("POST", path, key=MASTER, body=body).status_code == 202
        assert [t for t in host.seen() if "admin-" in t] == [
            '{"id": "admin-text"}',
            '{"id": "admin-object"}',
        ]
        failing = json.dumps({"input": {"data": "fail"}})
        assert host.call("POST", path, key=MASTER, body=failing).status_code == 500

    def test_refusals(self, host: Host) -> None:
        """404 unknown function, 400 a body that is no object."""
        assert host.call("POST", "/admin/functions/nobody", key=MASTER).status_code == 404
        assert host.call("POST", "/admin/functions/tick", key=MASTER, body="[").status_code == 400
        assert host.call("POST", "/admin/functions/tick", key=MASTER, body="[]").status_code == 400

    def test_an_http_function_is_accepted(self, host: Host) -> None:
        """The host says 202 before it looks at the trigger; names have no case."""
        path = "/Admin/Functions/SEEN"
        assert host.call("POST", path, key=MASTER, body="{}").status_code == 202


class TestProcess:
    """Start, logs and stop."""

    def test_timer_runs_on_its_schedule_one_at_a_time(self, tmp_path: Path) -> None:
        """A timer is due each second, resolves its setting, and never overlaps with itself."""
        with running_host(tmp_path / "log", tick="* * * * * *") as host:
            for _ in range(3):
                host.call("POST", "/admin/functions/tick", key=MASTER, body="{}")
            wait_until(lambda: len(host.seen()) >= 5)
            assert set(host.seen()) == {"tick past_due=False most=1"}

    def test_log_names_function_and_invocation(self, host: Host) -> None:
        """A line that the app logs carries its function's name; bodies are never logged."""
        host.call("POST", "/v1/echo/hi", key=FUNCTION, body="planted-body")
        host.notify("sync_event", [{**EVENT, "id": "planted-event-body"}])
        log = host.log.read_text()
        (line, *_) = [line for line in log.splitlines() if line.endswith("app: echoing")]
        assert "[echo " in line
        assert "planted-body" not in log
        assert "planted-event-body" not in log

    def test_a_log_line_outside_an_invocation_is_lost(self, tmp_path: Path) -> None:
        """What a thread of the app's own logs arrives nowhere; what is printed to stderr does."""
        with running_host(tmp_path / "log", "--no-timer") as host:
            assert host.call("GET", "/v1/beside").text == "done"
            log = host.log.read_text()
            assert host.process.stdout is not None
            assert host.process.stdout.readline() == "lost: INFO app: beside its invocation\n"
        assert "app: within its invocation" in log
        assert "beside its invocation" not in log
        assert "printed to stderr" in log

    def test_keys_not_given_are_made(self, tmp_path: Path) -> None:
        """A key that no option gives is printed after the address, and opens its door."""
        with running_host(tmp_path / "log", "--no-timer", "--function-key", "") as host:
            assert host.process.stdout is not None
            name, key = host.process.stdout.readline().split(" key: ")
            assert name == "function"
            assert host.call("POST", "/v1/echo/hi", key=key.strip()).status_code == 203

    def test_stop_finishes_what_runs(self, tmp_path: Path) -> None:
        """SIGTERM lets the call under way be answered, and the host leaves with 0."""
        with (
            running_host(tmp_path / "log", "--no-timer") as host,
            ThreadPoolExecutor(1) as pool,
        ):
            answer = pool.submit(host.call, "GET", "/v1/slow")
            wait_until(lambda: "slow begins" in host.log.read_text())
            host.process.send_signal(signal.SIGTERM)
            assert answer.result().text == "1"
            assert host.process.wait(DEADLINE) == 0

    def test_a_host_goes_with_whoever_started_it(self, tmp_path: Path) -> None:
        """A parent that is killed has no time to stop its host, which stops all the same."""
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-c", PARENT, str(SAMPLE), str(tmp_path / "log")],
            cwd=REPOSITORY,
            env={**os.environ, "TICK": "* * * * * *"},
            stdout=subprocess.PIPE,
            text=True,
        ) as parent:
            assert parent.stdout is not None
            host = urlsplit(parent.stdout.readline().strip())
            assert is_served(host)
            parent.kill()
        wait_until(lambda: not is_served(host))

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            (None, "no function_app.py"),
            ("import nothing_of_that_name", "nothing_of_that_name"),
            (
                f"{APP}@app.event_grid_trigger(arg_name='e')\ndef f(e: dict) -> None: ...\n",
                "cannot load the f function",
            ),
            (
                f"{APP}@app.timer_trigger(arg_name='t', schedule='* * *')\n{TIMER_BODY}",
                "not six-field NCRONTAB",
            ),
        ],
        ids=["no-app", "import", "annotation", "schedule"],
    )
    def test_app_that_cannot_be_served(
        self, tmp_path: Path, source: str | None, expected: str
    ) -> None:
        """An app that cannot be indexed or served ends the host with 1 and the reason."""
        (tmp_path / "host.json").write_text('{"version": "2.0"}')
        if source is not None:
            (tmp_path / "function_app.py").write_text(source)
        ended = refused(tmp_path)
        assert ended.returncode == 1
        assert expected in ended.stderr

    def test_app_without_host_json(self, tmp_path: Path) -> None:
        """A folder without host.json is no app."""
        ended = refused(tmp_path)
        assert ended.returncode == 1
        assert "host.json" in ended.stderr


class TestSchedule:
    """When a timer is due."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0 */5 * * * *", datetime(2026, 1, 1, 12, 5, tzinfo=UTC)),
            ("30 * * * * *", datetime(2026, 1, 1, 12, 3, 30, tzinfo=UTC)),
            ("0 0 0 13 * Fri", datetime(2026, 2, 13, tzinfo=UTC)),
            ("00:10:00", datetime(2026, 1, 1, 12, 13, 20, tzinfo=UTC)),
            ("%EVERY%", datetime(2026, 1, 1, 12, 3, 21, tzinfo=UTC)),
        ],
    )
    def test_next_occurrence(self, text: str, expected: datetime) -> None:
        """Six fields begin with seconds, day and weekday must both match, `%NAME%` is a setting."""
        schedule = read_schedule(text, {"EVERY": "* * * * * *"})
        assert schedule(datetime(2026, 1, 1, 12, 3, 20, tzinfo=UTC)) == expected

    @pytest.mark.parametrize(
        "text", ["*/5 * * * *", "x * * * * *", "00:00:00", "%UNSET%", "", "0\t* * * * *"]
    )
    def test_what_is_no_schedule(self, text: str) -> None:
        """Five fields, nonsense, no time at all and an unset setting are refused."""
        with pytest.raises(ValueError, match=r"NCRONTAB|never ends|not set"):
            read_schedule(text, {})
