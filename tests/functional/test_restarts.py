"""What restarts in the cluster when a key changes, and what stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from local.host_process import Answer
from local.kubernetes.documents import Document, child, items, parse_json, text
from tests.functional.world import Place, World, wait_until
from tests.kit.deployments import (
    allow_restarts,
    deploy,
    deployed,
    hold,
    recorded,
    release,
    restarted_for,
)
from tests.leaks.search import leaks


@contextmanager
def _restarting(
    world: World, *secrets: str, silent: bool = False, **settings: str
) -> Iterator[tuple[World, Place]]:
    """Run an app that restarts, on a vault whose first values are counted and a second old."""
    place = world.place(age=60, silent=silent)
    allow_restarts(place)
    given = {"SYNC_RESTART": "annotated", "SYNC_RESTART_QUIET": "1", **settings}
    with world.app(place, **given) as app:
        place.renew(*secrets)
        app.bring(place)
        sleep(1.1)  # creation times are whole seconds
        yield app, place


def _body(answer: Answer) -> Document:
    body = parse_json(answer.text.encode())
    assert isinstance(body, dict)
    return body


def _generation(place: Place) -> int:
    found = child(deployed(place, "web"), "metadata")["generation"]
    assert isinstance(found, int)
    return found


def _told(app: World, place: Place) -> list[Document]:
    """Resync, and return what is told of workloads."""
    return items(_body(app.resync(place)), "restarts")


def _restarts(app: World, place: Place) -> list[tuple[str, object]]:
    """Resync, and return each workload that is told of, with why it was not restarted."""
    return [(text(each, "name"), each.get("reason")) for each in _told(app, place)]


def test_an_event_restarts_the_reader_and_not_its_neighbour(world: World) -> None:
    """The neighbour reads another key; both only remember the values that they began with."""
    with _restarting(world, "db-password", "other") as (app, place):
        deploy(place, "web", "db-password")
        deploy(place, "api", "other")
        assert _restarts(app, place) == []
        assert recorded(place, "web") is not None
        assert restarted_for(place, "web") is None
        place.renew("db-password")
        app.settle()
        assert str(restarted_for(place, "web")).startswith(f"{place.secret}/db-password@")
        assert restarted_for(place, "api") is None
        assert app.logged("INFO", "event: restarted Deployment web", "db-password")
        before = deployed(place, "web")
        assert app.timer == 202
        assert deployed(place, "web") == before
        assert leaks(repr([before, deployed(place, "api")])) == []


def test_a_quiet_pass_costs_one_list_of_each_kind(world: World) -> None:
    """No pods, no reads and no writes; of Argo Rollouts, which are not there, none after a while.

    Whatever a pass without restarts reads is read as before.
    """
    with _restarting(world, "db-password") as (app, place):
        deploy(place, "web", "db-password")
        assert _restarts(app, place) == []
        app.stack.cluster.requests.reset()
        assert app.timer == 202
        count = app.stack.cluster.requests.count
        kinds = ("deployments", "statefulsets", "daemonsets", "pods")
        assert [count("list", kind) for kind in kinds] == [1, 1, 1, 0]
        assert count() == 4
        assert count("get", "secrets") == 1


def test_the_same_value_restarts_nothing(world: World) -> None:
    """A new version moves no count."""
    with _restarting(world, "db-password") as (app, place):
        deploy(place, "web", "db-password")
        assert _restarts(app, place) == []
        place.vault.set_secret("db-password", place.wanted()["db-password"])
        app.settle()
        assert restarted_for(place, "web") is None


def test_a_burst_is_one_restart(world: World) -> None:
    """All its changes are in one template."""
    with _restarting(world, "a", "b", "c") as (app, place):
        deploy(place, "web", "a", "b", "c")
        assert _restarts(app, place) == []
        before = _generation(place)
        place.renew("a", "b", "c", "a", "b")
        app.settle()
        assert _generation(place) == before + 1
        assert str(restarted_for(place, "web")).count(place.secret) == 3


def test_the_next_one_waits_until_the_last_is_ready(world: World) -> None:
    """Whoever looks next goes on: here passes, once the first one's pods are ready."""
    with _restarting(world, "db-password", silent=True, SYNC_SCHEDULE="*/2 * * * * *") as (
        app,
        place,
    ):
        deploy(place, "api", "db-password")
        deploy(place, "web", "db-password")
        assert _restarts(app, place) == []
        hold(place, "api")
        place.renew("db-password")
        wait_until(lambda: app.timer == 202 and restarted_for(place, "api") is not None)
        assert app.timer == 202
        assert restarted_for(place, "web") is None
        release(place, "api")
        assert app.timer == 202
        assert restarted_for(place, "web") == restarted_for(place, "api")


def test_what_is_not_restarted_is_told(world: World) -> None:
    """A paused Deployment, one that lacks a key, and one whose annotation means nothing."""
    with _restarting(world, "db-password", silent=True) as (app, place):
        deploy(place, "paused", "db-password", paused=True)
        deploy(place, "lacking", "db-password", "no-such-key")
        deploy(place, "odd", "db-password", annotations={"keyvault-sync/restart": "yes"})
        deploy(place, "unasked", "db-password", annotations={})
        deploy(place, "web", "db-password")
        place.renew("db-password")
        assert sorted(_restarts(app, place), key=str) == [
            ("lacking", "WorkloadKeyMissing"),
            ("odd", "WorkloadUnreadable"),
            ("paused", "WorkloadPaused"),
            ("web", None),
        ]


def test_a_missing_right_fails_nothing_but_the_restart(world: World) -> None:
    """The Secret is in step, and the status of the answer says so."""
    with _restarting(world, "db-password") as (app, place):
        deploy(place, "web", "db-password")
        allow_restarts(place, without="list")
        assert [each["reason"] for each in _told(app, place)] == ["WorkloadsForbidden"]
        allow_restarts(place, without="patch")
        assert [each["reason"] for each in _told(app, place)] == ["WorkloadRefused"]
        assert {answer.status for answer in app.answers} == {200}


def test_explain_shows_who_reads_a_key(world: World) -> None:
    """And whether it runs with the present value."""
    with _restarting(world, "db-password") as (app, place):
        deploy(place, "web", "db-password")
        assert _restarts(app, place) == []
        answer = app.get(f"/api/explain?vault={place.name}")
        (told,) = items(_body(answer), "secrets")
        (reader,) = items(told, "readers")
        assert (reader["kind"], reader["name"], reader["restarts"]) == ("Deployment", "web", True)
        assert reader["current"] is True


def test_without_the_setting_no_workload_is_asked_for(world: World) -> None:
    """No call more than before, and nothing of it in an answer."""
    place = world.filled("db-password", age=60)
    allow_restarts(place)
    deploy(place, "web", "db-password")
    world.bring(place)
    world.stack.cluster.requests.reset()
    place.renew("db-password")
    world.settle()
    assert "restarts" not in world.resync(place).body
    assert world.stack.cluster.requests.count("list", "deployments") == 0
    assert recorded(place, "web") is None
