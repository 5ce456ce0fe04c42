"""Whom the app believes: refused events are told once and counted, and callers are known."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
import urllib3

from local.functions_host.authentication import PRINCIPALS
from local.host_process import Answer
from tests.described import document, faults
from tests.functional.world import Place, World

ELSEWHERE = "00000000-0000-4000-8000-00000000beef"
OPERATOR = "0f0e0d0c-0b0a-4908-8706-050403020100"
STRANGER = "ffffffff-0b0a-4908-8706-050403020100"
OPEN = ("/runtime/webhooks/eventgrid", "/api/health")


@pytest.fixture
def place(world: World) -> Place:
    """Return a vault with a secret of which no event has come."""
    return world.filled("key", silent=True)


def lines(world: World, *words: str) -> list[str]:
    """Return the lines of the log with all those words."""
    return [line for line in world.log().splitlines() if all(word in line for word in words)]


@contextmanager
def authenticated(world: World, *places: Place, required: bool) -> Iterator[World]:
    """Run an app behind App Service authentication that knows an operator and a stranger."""
    rules = {
        "requireAuthentication": required,
        "unauthenticatedClientAction": "Return401" if required else "AllowAnonymous",
        "excludedPaths": OPEN,
    }
    callers = {
        "operators-token": {"id": OPERATOR, "name": "operator@example.com"},
        "strangers-token": {"id": STRANGER, "name": "x", "idp": "google"},
        "nameless-token": {"id": "operator@example.com", "name": "x"},
    }
    platform = {
        "WEBSITE_AUTH_ENABLED": "True",
        "WEBSITE_AUTH_V2_CONFIG_JSON": json.dumps({"globalValidation": rules}),
        PRINCIPALS: json.dumps(callers),
    }
    with world.app(*places, **platform) as app:
        yield app


def call(world: World, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """Call the app with no other credentials than those headers."""
    answer = urllib3.request(
        method,
        world.host.url + path,
        body=None if body is None else json.dumps(body),
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        retries=False,
    )
    text = answer.data.decode()
    told = json.loads(text) if text.startswith("{") else {}
    world.answers.append(Answer(answer.status, dict(answer.headers), told, text))
    return world.answers[-1]


def test_a_flood_from_a_foreign_subscription_is_ten_lines_and_a_count(
    world: World, place: Place
) -> None:
    """Events of one cause are acknowledged, logged some times, and counted with the next pass."""
    topic = place.vault.resource_id.replace(place.vault.resource_id.split("/")[2], ELSEWHERE)
    other = world.place()
    with world.app(place) as app:
        for _ in range(12):
            assert app.deliver(place.event("key", topic=topic)) == 202
        for _ in range(4):
            assert app.deliver(place.event("key", topic=other.vault.resource_id)) == 202
        assert place.data() is None
        assert len(lines(world, "SubscriptionNotAllowed", ELSEWHERE, "SYNC_SUBSCRIPTIONS")) == 10
        assert len(lines(world, " ERROR ", "EventMismatch", place.vault.name)) == 4
        assert app.timer == 202
        (told,) = lines(world, "failed or refused")
        assert "timer: 16 failed or refused" in told
        assert told.endswith("SubscriptionNotAllowed 12, EventMismatch 4")
        assert app.timer == 202
    assert len(lines(world, "failed or refused")) == 1
    assert place.data() == place.wanted()
    assert other.data() is None


def test_names_that_vary_fill_no_log(world: World, place: Place) -> None:
    """A hundred causes of one reason are named; then only the count grows."""
    with world.app(place) as app:
        for number in range(130):
            event = place.event("key", eventType=f"Microsoft.Storage.Made{number}")
            assert app.deliver(event) == 202
        assert len(lines(world, "EventTypeIgnored", "are not handled")) == 100
        assert app.timer == 202
    assert len(lines(world, "EventTypeIgnored 130 (not all causes are logged)")) == 1


def test_a_flood_from_a_made_up_vault_is_ten_lines_and_a_count(world: World, place: Place) -> None:
    """A vault that nobody has, whose Secret is absent, costs the app no more of its log."""
    made_up = place.vault.name.replace("weu-", "aeu-")
    topic = place.vault.resource_id.replace(place.vault.name, made_up)
    event = place.event("key", topic=topic, data={"VaultName": made_up, "ObjectName": "key"})
    with world.app(place) as app:
        assert app.timer == 202
        place.stack.cluster.delete_secret(place.namespace, place.secret)
        other = place.event("key", topic=topic.replace("-1", "-7"))
        other["data"] = {"VaultName": made_up.replace("-1", "-7"), "ObjectName": "key"}
        for _ in range(20):
            assert app.deliver(event) == 500
            assert app.deliver(other) == 500
        told = lines(world, "keyvault-sync: event: ", made_up.lower())
        assert len(told) == 10
        assert app.timer == 202
    assert lines(world, "timer: 40 failed or refused", "TargetContested 20")


def test_a_failure_of_ours_is_told_in_each_pass(world: World) -> None:
    """What somebody has to mend is told by each pass, and by the first few events."""
    place = world.filled("key", silent=True, namespace=False)
    with world.app(place) as app:
        for _ in range(3):
            assert app.deliver(place.event("key")) == 202
        for _ in range(2):
            assert app.timer == 202
    assert len(lines(world, " ERROR ", "event: ", "ClusterForbidden", place.name)) == 3
    told = lines(world, " ERROR ", "timer: ", "ClusterForbidden", place.name)
    assert [("kubectl create role" in line) for line in told] == [True] * 2


@pytest.mark.parametrize("required", [True, False], ids=["required", "strangers pass"])
def test_an_entra_principal_is_on_the_line_of_what_it_did(
    world: World, place: Place, *, required: bool
) -> None:
    """Behind App Service authentication no key is needed, and the log has the object id."""
    token = {"authorization": "Bearer operators-token"}
    with authenticated(world, place, required=required) as app:
        assert call(app, "POST", "/api/resync", {"vault": place.name}, **token).status == 200
        assert call(app, "GET", "/api/status", **token).status == 200
        assert call(app, "GET", "/api/openapi.json", **token).body == document(entra=True)
        assert app.deliver(place.event("key")) == 202
    assert place.data() == place.wanted()
    assert lines(world, f"resync by {OPERATOR}: ", place.name, "create key")
    assert lines(world, f"status by {OPERATOR}: 1 told")
    assert "operator@example.com" not in world.log()
    assert "operators-token" not in world.log()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/resync"), ("GET", "/api/status"), ("GET", "/api/openapi.json")],
)
def test_nobody_else_is_served_where_the_platform_lets_strangers_pass(
    world: World, place: Place, method: str, path: str
) -> None:
    """No token, a key, made-up headers, another provider and no object id: 401, nothing done."""
    forged = {"x_ms_client_principal_id": STRANGER, "x_ms_client_principal_idp": "aad"}
    with authenticated(world, place, required=False) as app:
        for headers in (
            {},
            {"x_functions_key": app.host.function_key},
            {"x_functions_key": app.host.master_key},
            forged,
            {"authorization": "Bearer wrong", **forged},
            {"authorization": "Bearer strangers-token"},
            {"authorization": "Bearer strangers-token", **forged},
            {"authorization": "Bearer nameless-token"},
        ):
            answer = call(app, method, path, {"all": True}, **headers)
            assert answer.status == HTTPStatus.UNAUTHORIZED
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.body["reason"] == "CallerUnknown"
            told = answer.status, answer.headers, answer.text
            assert faults(f"{method} {path}", *told, entra=True) == []
            assert "az account get-access-token" in answer.text
    assert place.data() is None
    assert len(lines(world, " WARNING ", "CallerUnknown")) == 8
    assert STRANGER not in world.log()


def test_a_platform_that_requires_a_login_refuses_before_the_app(
    world: World, place: Place
) -> None:
    """Where strangers are not let in, the app does not even see them; events have their own key."""
    with authenticated(world, place, required=True) as app:
        assert app.resync(place).status == HTTPStatus.UNAUTHORIZED
        assert app.resync(place).text == ""
        assert app.deliver(place.event("key")) == 202
        health = call(app, "GET", "/api/health")
        assert (health.status, health.body) == (200, {"status": "ok"})
    assert place.data() == place.wanted()


def test_wrong_settings_are_not_told_to_strangers(world: World) -> None:
    """With settings that cannot be read the platform's callers are still asked who they are."""
    with world.app(
        WEBSITE_AUTH_ENABLED="True",
        WEBSITE_AUTH_V2_CONFIG_JSON='{"globalValidation": {"requireAuthentication": false}}',
        SYNC_PRUNE="perhaps",
    ) as app:
        answer = call(app, "GET", "/api/status")
        health = call(app, "GET", "/api/health")
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert "SYNC_PRUNE" not in answer.text
    assert (health.status, health.body) == (503, {"status": "misconfigured"})


def test_without_the_platform_headers_mean_nothing(world: World, place: Place) -> None:
    """Anybody may send the headers: they open nothing, and are not believed beside a key."""
    forged = {"x_ms_client_principal_id": STRANGER, "x_ms_client_principal_idp": "aad"}
    body = {"vault": place.name}
    refused = call(world, "POST", "/api/resync", body, **forged)
    assert refused.status == HTTPStatus.UNAUTHORIZED
    assert place.data() is None
    key = {"x_functions_key": world.host.function_key}
    assert call(world, "POST", "/api/resync", body, **key, **forged).status == 200
    assert lines(world, "resync: ", place.name, "create key")
    assert not re.search(f"{STRANGER}|resync by", world.log())
