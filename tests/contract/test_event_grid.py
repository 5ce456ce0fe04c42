"""The rules of the Event Grid emulator, seen by the real publisher client and a real webhook."""

import asyncio
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient

from local.authority import Authority
from local.event_grid import (
    Endpoint,
    EventGrid,
    Faults,
    MalformedError,
    Publisher,
    Schema,
    Subscription,
    event_grid_app,
    retry,
)
from local.event_grid.grid import Delivery
from local.serving import Servers

TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
KEY = "topic-key"
TYPE = "Microsoft.KeyVault.SecretNewVersionCreated"
DEADLINE = 20.0

type SendType = EventGridEvent | list[CloudEvent[dict[str, int]]] | dict[str, object]


@dataclass(slots=True)
class Webhook:
    """An endpoint that records what it gets and answers the statuses planned for it, then 202."""

    statuses: list[int] = field(default_factory=list)
    got: list[dict[str, object]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def app(self) -> web.Application:
        """Make the application."""

        async def post(request: web.Request) -> web.Response:
            body = await request.json()
            self.headers.append(dict(request.headers))
            self.got += body if isinstance(body, list) else [body]
            return web.Response(status=self.statuses.pop(0) if self.statuses else 202)

        app = web.Application()
        app.router.add_post("/hook", post)
        return app

    def ids(self) -> list[object]:
        """Return the ids of the events that came, in order."""
        return [event["id"] for event in self.got]


@dataclass(frozen=True, slots=True)
class World:
    """A served topic with one subscription, its webhook and a client that trusts it."""

    servers: Servers
    grid: EventGrid
    hook: Webhook
    subscription: Subscription
    endpoint: str
    ca: Path

    def send(self, events: SendType, key: str = KEY) -> None:
        """Send with the real client, which heeds options for one call only."""
        with EventGridPublisherClient(self.endpoint, AzureKeyCredential(key)) as client:
            client.send(events, connection_verify=str(self.ca), retry_total=0)

    def accept(self, events: Sequence[object]) -> None:
        """Let the topic accept events, and wait until it is done with them."""
        self.grid.accept(events)
        assert self.grid.wait_idle(DEADLINE)

    def publisher(self) -> Publisher:
        """Make a publisher for the topic."""
        return Publisher(self.endpoint, KEY, ca=self.ca)

    def post(self, body: bytes, path: str = "?api-version=2018-01-01") -> requests.Response:
        """Post raw bytes to the topic."""
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                self.endpoint + path,
                data=body,
                headers={"aeg-sas-key": KEY},
                verify=str(self.ca),
                timeout=DEADLINE,
            )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Serve a topic whose hours pass in milliseconds."""
    authority = Authority.create()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    grid = EventGrid(TOPIC, KEY, time_scale=1e-4)
    hook = Webhook()
    with Servers() as servers:
        hook.url = f"http://127.0.0.1:{servers.serve(hook.app())}/hook"
        app = event_grid_app(grid, answer_seconds=0.5)
        port = servers.serve(app, authority.server_context("127.0.0.1"))
        subscription = Subscription("app", hook.url)
        grid.subscribe(subscription)
        endpoint = f"https://127.0.0.1:{port}/api/events"
        yield World(servers, grid, hook, subscription, endpoint, ca)


def event(number: int = 1, kind: str = TYPE) -> dict[str, object]:
    """Make an event as a vault publishes it."""
    return {
        "id": str(number),
        "topic": TOPIC,
        "subject": "a-secret",
        "eventType": kind,
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"ObjectName": "a-secret"},
        "dataVersion": "1",
    }


class TestPublishing:
    """What a topic accepts."""

    def test_event_grid_event_of_the_real_client(self, world: World) -> None:
        """An EventGridEvent arrives with the topic and metadata version that the service adds."""
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        world.send(EventGridEvent("a-secret", TYPE, {"a": 1}, "1", id="7", event_time=moment))
        assert world.grid.wait_idle(DEADLINE)
        (got,) = world.hook.got
        assert got == {
            "id": "7",
            "topic": TOPIC,
            "subject": "a-secret",
            "eventType": TYPE,
            "eventTime": "2026-01-01T00:00:00.000Z",
            "data": {"a": 1},
            "dataVersion": "1",
            "metadataVersion": "1",
        }
        assert world.hook.headers[0]["aeg-event-type"] == "Notification"
        assert world.hook.headers[0]["Content-Type"].startswith("application/json")

    def test_cloud_events_of_the_real_client(self, world: World) -> None:
        """CloudEvents arrive as CloudEvents, one by one."""
        world.send([CloudEvent(TOPIC, TYPE, id=str(n), data={"n": n}) for n in range(2)])
        assert world.grid.wait_idle(DEADLINE)
        assert {got["specversion"] for got in world.hook.got} == {"1.0"}
        assert Counter(world.hook.ids()) == {"0": 1, "1": 1}
        assert all(
            headers["Content-Type"].startswith("application/cloudevents+json")
            for headers in world.hook.headers
        )

    def test_bad_key(self, world: World) -> None:
        """A key that is not the topic's is refused."""
        with pytest.raises(ClientAuthenticationError):
            world.send(event(), key="wrong")

    def test_too_large(self, world: World) -> None:
        """More than 1 MB is refused as a whole."""
        big = {**event(), "data": "x" * 1024 * 1024}
        with pytest.raises(HttpResponseError) as refusal:
            world.send(big)
        assert refusal.value.status_code == 413

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            (b"{", "?api-version=2018-01-01"),
            (b"{}", "?api-version=2018-01-01"),
            (b"[7]", "?api-version=2018-01-01"),
            (b'[{"id": "1"}]', "?api-version=2018-01-01"),
            (b'[{"specversion": "1.0", "id": "1"}]', "?api-version=2018-01-01"),
            (b"[]", ""),
        ],
    )
    def test_malformed(self, world: World, body: bytes, path: str) -> None:
        """What is no array of events, or lacks a field or the version, is refused with a reason."""
        answer = world.post(body, path)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]

    def test_unknown_path(self, world: World) -> None:
        """Another path says what the topic serves."""
        answer = world.post(b"[]", "/other")
        assert answer.status_code == 404
        assert "/api/events" in answer.json()["error"]["message"]

    def test_all_or_none(self, world: World) -> None:
        """One malformed event refuses its whole batch."""
        with pytest.raises(MalformedError, match="subject"):
            world.grid.accept([event(), {**event(2), "subject": ""}])
        assert world.grid.counts().accepted == 0

    def test_publisher_keeps_order(self, world: World) -> None:
        """The publisher takes events without waiting, and sends each of them in order."""
        world.grid.inject(Faults(reorder=5))
        with world.publisher() as publisher:
            for number in range(5):
                publisher.publish(event(number))
            assert publisher.wait_sent(DEADLINE)
        assert world.grid.wait_idle(DEADLINE)
        assert world.hook.ids() == ["4", "3", "2", "1", "0"]

    def test_publisher_survives_a_refusal(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An event that the topic refuses is logged without its body; the next is sent."""
        with world.publisher() as publisher:
            publisher.publish({**event(1), "subject": "", "data": "planted-body"})
            publisher.publish(event(2))
        assert world.grid.wait_idle(DEADLINE)
        assert world.hook.ids() == ["2"]
        assert "an event is lost: HttpResponseError" in caplog.text
        assert "planted-body" not in caplog.text


class TestSubscriptions:
    """Who gets what, and in which schema."""

    def test_cloud_events_schema(self, world: World) -> None:
        """An event in the grid's schema is converted for a subscription to CloudEvents."""
        world.grid.subscribe(replace(world.subscription, schema=Schema.CLOUD_EVENTS))
        world.accept([event()])
        assert world.hook.got == [
            {
                "specversion": "1.0",
                "id": "1",
                "source": TOPIC,
                "type": TYPE,
                "subject": "a-secret",
                "time": "2026-01-01T00:00:00Z",
                "data": {"ObjectName": "a-secret"},
            }
        ]

    def test_event_types(self, world: World) -> None:
        """A subscription gets the event types it names, in either schema."""
        world.grid.subscribe(replace(world.subscription, event_types=frozenset({"wanted"})))
        cloud = {"specversion": "1.0", "id": "3", "source": TOPIC, "type": "wanted"}
        world.accept([event(1), event(2, kind="wanted"), cloud])
        assert sorted(map(str, world.hook.ids())) == ["2", "3"]

    def test_each_subscription_gets_each_event(self, world: World) -> None:
        """Two subscriptions are served apart, until one is removed."""
        world.grid.subscribe(replace(world.subscription, name="other"))
        world.accept([event(1)])
        world.grid.unsubscribe("other")
        world.accept([event(2)])
        assert Counter(world.hook.ids()) == {"1": 2, "2": 1}


class TestRetries:
    """At least once, and when no more."""

    @pytest.mark.parametrize("status", [404, 408, 429, 500, 503])
    def test_failure_is_tried_again(self, world: World, status: int) -> None:
        """An answer that may pass is followed by another attempt, until one succeeds."""
        world.hook.statuses = [status, status]
        world.accept([event()])
        assert world.hook.ids() == ["1", "1", "1"]
        assert [headers["aeg-delivery-count"] for headers in world.hook.headers] == ["0", "1", "2"]
        assert world.grid.counts().delivered == 1

    def test_a_function_is_tried_again_after_401(self, world: World) -> None:
        """A host may answer before its keys are loaded: for a function that is no refusal."""
        world.grid.subscribe(replace(world.subscription, endpoint=Endpoint.FUNCTION))
        world.hook.statuses = [401]
        world.accept([event()])
        assert world.hook.ids() == ["1", "1"]
        assert world.grid.dead_letters() == ()

    @pytest.mark.parametrize("status", [400, 403, 413])
    def test_what_is_futile_for_a_function(self, world: World, status: int) -> None:
        """A stopped app answers 403, and its events are gone."""
        world.grid.subscribe(replace(world.subscription, endpoint=Endpoint.FUNCTION))
        world.hook.statuses = [status]
        world.accept([event()])
        assert [dead.status for dead in world.grid.dead_letters()] == [status]

    @pytest.mark.parametrize("status", [400, 401, 403, 413])
    def test_futile_is_dead_lettered(self, world: World, status: int) -> None:
        """An answer that says never again ends the delivery at once."""
        world.hook.statuses = [status]
        world.accept([event()])
        (dead,) = world.grid.dead_letters()
        assert (dead.attempts, dead.status, dead.subscription) == (1, status, "app")
        assert dead.event["id"] == "1"

    def test_attempts_are_bounded(self, world: World) -> None:
        """After the last attempt that the subscription allows the event is dead-lettered."""
        world.grid.subscribe(replace(world.subscription, max_attempts=3))
        world.hook.statuses = [500] * 5
        world.accept([event()])
        assert [dead.attempts for dead in world.grid.dead_letters()] == [3]
        assert len(world.hook.got) == 3

    def test_time_to_live(self) -> None:
        """An event whose time is over is dead-lettered when its next attempt is due, not before."""
        grid = EventGrid(TOPIC, KEY)
        started: list[Delivery] = []
        grid.connect(lambda deliveries, _: started.extend(deliveries))
        grid.subscribe(Subscription("app", "http://127.0.0.1", time_to_live=60.0))
        grid.accept([event()])
        (delivery,) = started
        assert grid.is_due(delivery)
        assert grid.settle(delivery, 408) is not None  # two minutes later, beyond its time
        assert grid.dead_letters() == ()
        assert grid.counts().pending == 1
        delivery.expires = 0.0
        assert not grid.is_due(delivery)
        assert [(dead.attempts, dead.status) for dead in grid.dead_letters()] == [(1, 408)]
        assert grid.counts().pending == 0

    def test_an_endpoint_that_keeps_failing_waits(self, world: World) -> None:
        """After ten failures in a row all its deliveries wait, new ones too, until one works."""
        world.hook.statuses = [500] * 40
        world.grid.accept([event(number) for number in range(20)])
        while world.grid.counts().attempts < 20:
            assert not world.grid.wait_idle(0.01)
        delivery = Delivery(event(), world.subscription, 0.0)
        assert world.grid.delay(delivery) > 0
        other = Delivery(event(), replace(world.subscription, name="other"), 0.0)
        assert world.grid.delay(other) == 0
        assert world.grid.wait_idle(DEADLINE)
        assert world.grid.delay(delivery) == 0
        assert [retry.delay(failures) for failures in (9, 10, 20, 40, 999)] == [0, 30, 60, 240, 300]

    def test_versions_are_in_headers(self, world: World) -> None:
        """A delivery tells its metadata and data version, a CloudEvent its specification's."""
        world.accept([event()])
        world.grid.subscribe(replace(world.subscription, schema=Schema.CLOUD_EVENTS))
        world.accept([event()])
        grid, cloud = world.hook.headers
        assert (grid["aeg-metadata-version"], grid["aeg-data-version"]) == ("1", "1")
        assert cloud["aeg-metadata-version"] == "1.0"
        assert "aeg-data-version" not in cloud

    def test_slow_endpoint_gets_it_again(self, world: World) -> None:
        """An answer that does not come in time counts as none, though the work was done."""
        calls: list[str] = []

        async def slow(request: web.Request) -> web.Response:
            calls.append(request.headers["aeg-delivery-count"])
            if len(calls) == 1:
                await asyncio.Event().wait()
            return web.Response()

        app = web.Application()
        app.router.add_post("/slow", slow)
        port = world.servers.serve(app)
        world.grid.subscribe(replace(world.subscription, url=f"http://127.0.0.1:{port}/slow"))
        world.accept([event()])
        assert calls == ["0", "1"]

    def test_endpoint_that_is_down(self, world: World) -> None:
        """Events for an endpoint that is away arrive once it is back."""
        port = int(world.hook.url.split(":")[2].split("/")[0])
        world.servers.stop(port)
        world.grid.accept([event(number) for number in range(20)])
        while world.grid.counts().attempts < 20:
            assert not world.grid.wait_idle(0.01)
        world.servers.serve(world.hook.app(), port=port)
        assert world.grid.wait_idle(DEADLINE)
        assert set(world.hook.ids()) == {str(number) for number in range(20)}

    def test_flaky_endpoint_loses_nothing(self, world: World) -> None:
        """Through doubles, delays and failures each event arrives at least once."""
        world.hook.statuses = [500, 202, 503] * 20
        world.grid.inject(Faults(double=True, delay=0.01, reorder=7))
        world.grid.accept([event(number) for number in range(50)])
        world.grid.inject(Faults())
        assert world.grid.wait_idle(DEADLINE)
        arrived = Counter(world.hook.ids())
        assert len(arrived) == 50
        assert min(arrived.values()) >= 2
        assert world.grid.counts().delivered == 100

    def test_schedule(self) -> None:
        """The pauses are Event Grid's, with its floors for some answers and kinds of endpoint."""
        webhook, function = Endpoint.WEBHOOK, Endpoint.FUNCTION
        pauses = [retry.pause(attempts, 500, webhook) for attempts in range(1, 12)]
        assert pauses[:7] == [10, 30, 60, 300, 600, 1800, 3600]
        assert pauses[-1] == pauses[-2] == 12 * 3600
        assert retry.pause(1, None, webhook) == 10
        answers = (401, 404, 408, 503)
        assert [retry.pause(1, status, function) for status in answers] == [300, 300, 120, 30]
        assert [retry.pause(1, status, webhook) for status in answers[1:]] == [10, 120, 30]


class TestFaults:
    """Faults on demand."""

    def test_double(self, world: World) -> None:
        """Each event is delivered twice, with one id."""
        world.grid.inject(Faults(double=True))
        world.accept([event()])
        assert world.hook.ids() == ["1", "1"]

    def test_reorder(self, world: World) -> None:
        """Events are held until there are so many, then come last one first."""
        world.grid.inject(Faults(reorder=3))
        world.grid.accept([event(1), event(2)])
        assert world.grid.counts().pending == 2
        assert not world.grid.wait_idle(0.05)
        world.accept([event(3)])
        assert world.hook.ids() == ["3", "2", "1"]

    def test_held_events_are_let_go(self, world: World) -> None:
        """Taking the faults away delivers what was held."""
        world.grid.inject(Faults(reorder=3))
        world.grid.accept([event(1), event(2)])
        world.grid.inject(Faults())
        assert world.grid.wait_idle(DEADLINE)
        assert world.hook.ids() == ["2", "1"]

    def test_drop_next(self, world: World) -> None:
        """So many events are lost, and no more."""
        world.grid.inject(Faults(drop_next=2))
        world.accept([event(1), event(2), event(3)])
        assert world.hook.ids() == ["3"]
        assert world.grid.counts().dropped == 2

    def test_drop_all(self, world: World) -> None:
        """With probability 1 nothing arrives."""
        world.grid.inject(Faults(drop=1.0))
        world.accept([event(number) for number in range(10)])
        assert world.hook.got == []
        assert world.grid.counts().dropped == 10

    def test_delay(self, world: World) -> None:
        """A delayed event lets later ones overtake it."""
        world.grid.inject(Faults(delay=0.3))
        world.grid.accept([event(1)])
        world.grid.inject(Faults())
        world.accept([event(2)])
        assert world.hook.ids() == ["2", "1"]


def test_burst_from_many_threads(world: World) -> None:
    """Events accepted from many threads at once are all counted and delivered."""
    threads = [
        threading.Thread(
            target=lambda: world.grid.accept([{**event(), "id": str(uuid.uuid4())}] * 25)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.grid.wait_idle(DEADLINE)
    counts = world.grid.counts()
    assert (counts.accepted, counts.delivered, counts.pending) == (200, 200, 0)
    assert len(world.hook.got) == 200


def test_stopping_forgets_what_is_pending(world: World) -> None:
    """Once the topic is no longer served nothing is pending, and nothing more can be accepted."""
    world.hook.statuses = [500] * 100
    world.grid.subscribe(replace(world.subscription, max_attempts=1000))
    world.grid.accept([event()])
    world.servers.stop(int(world.endpoint.split(":")[2].split("/")[0]))
    assert world.grid.wait_idle(DEADLINE)
    with pytest.raises(RuntimeError, match="not served"):
        world.grid.accept([event()])
