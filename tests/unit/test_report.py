"""Outcomes and Secrets as JSON, and the status and the advice that go with them."""

import itertools
import json
from http import HTTPStatus

import pytest

from sync.errors import Conflict, Malformed, NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.model import STATE_ANNOTATION, Act, Change, Converged, Failed, Ignored, Outcome
from sync.report import errors, http_status, outcomes_json, retry_after, secret_json
from tests.unit.fakes import target_of, vault_name
from tests.unit.world import World

TARGET = target_of(vault_name())
PLACE = {"cluster": "default", "namespace": "shop-dev", "secret": "keyvault-project"}
BY_RANK: list[tuple[SyncError, HTTPStatus]] = [
    (NotOurs("A", "a"), HTTPStatus.NOT_FOUND),
    (Malformed("B", "b"), HTTPStatus.BAD_REQUEST),
    (Permanent("C", "c"), HTTPStatus.UNPROCESSABLE_ENTITY),
    (Transient("D", "d"), HTTPStatus.SERVICE_UNAVAILABLE),
    (Unexpected("E", "e"), HTTPStatus.INTERNAL_SERVER_ERROR),
]


@pytest.mark.parametrize(("error", "status"), BY_RANK, ids=[s.name for _, s in BY_RANK])
def test_each_failure_has_its_status(error: SyncError, status: HTTPStatus) -> None:
    """Not ours 404, malformed 400, permanent 422, what may pass 503, a bug 500."""
    assert http_status([error]) == status


def test_nothing_failed_is_ok() -> None:
    """All converged is 200, and so is a conflict-free nothing; a conflict may pass."""
    assert http_status([]) == HTTPStatus.OK
    assert http_status([Conflict("X", "x")]) == HTTPStatus.SERVICE_UNAVAILABLE


def test_the_failure_that_asks_most_counts() -> None:
    """Of several failures the status is that of the gravest, in whatever order they come."""
    for (low, _), (high, status) in itertools.combinations(BY_RANK, 2):
        assert http_status([low, high]) == http_status([high, low]) == status


def test_retry_after_is_the_longest_advice() -> None:
    """The servers' own advice counts, the longest of it, in whole seconds and never none."""
    assert retry_after([Transient("A", "a", 7), Transient("B", "b", 12.4)]) == 12
    assert retry_after([Transient("A", "a", 0.2)]) == 1
    assert retry_after([Transient("A", "a")]) == 30
    assert retry_after([Permanent("A", "a")]) == 30


def test_outcomes_name_versions_and_reasons() -> None:
    """A vault's outcome says what was done, with which versions, or why not and what to do."""
    change = Change("a", Act.UPDATE, "v2")
    error = Transient("VaultThrottled", "Throttled.")
    outcomes: list[Outcome] = [
        Converged(TARGET, (change, Change("b", Act.REMOVE)), 7, ("old",)),
        Converged(TARGET, (), 7, dry_run=True),
        Failed(TARGET.vault.text, error, TARGET, (change,)),
        Failed("event", Malformed("EventMalformed", "No.")),
        Ignored("event", NotOurs("X", "Not ours.")),
    ]
    told = json.loads(json.dumps(outcomes_json(outcomes)))["outcomes"]
    updated = {"key": "a", "action": "update", "version": "v2"}
    assert told == [
        {
            "vault": TARGET.vault.text,
            "outcome": "converged",
            "target": PLACE,
            "changes": [updated, {"key": "b", "action": "remove", "version": None}],
            "keys": 7,
            "expired": ["old"],
        },
        {
            "vault": TARGET.vault.text,
            "outcome": "planned",
            "target": PLACE,
            "changes": [],
            "keys": 7,
            "expired": [],
        },
        {
            "vault": TARGET.vault.text,
            "outcome": "failed",
            "reason": "VaultThrottled",
            "message": "Throttled.",
            "transient": True,
            "target": PLACE,
            "changes": [updated],
        },
        {
            "vault": "event",
            "outcome": "failed",
            "reason": "EventMalformed",
            "message": "No.",
            "transient": False,
            "target": None,
            "changes": [],
        },
        {
            "vault": "event",
            "outcome": "ignored",
            "reason": "X",
            "message": "Not ours.",
            "transient": False,
        },
    ]
    assert len(errors(outcomes)) == 3


def shown(world: World) -> dict[str, object]:
    """Return what the Secret tells of itself."""
    actual = world.cluster.read(world.target, world.deadline())
    told: dict[str, object] = json.loads(json.dumps(secret_json(world.target, actual)))
    return told


def test_the_status_of_a_secret_in_step() -> None:
    """A Secret tells its names, versions and times, and that all is in step."""
    world = World.in_step("a")
    told = shown(world)
    assert told["state"] == "converged"
    assert told["written"] == "2026-01-01T12:01:40+00:00"
    assert told["secrets"] == [
        {
            "name": "a",
            "version": "v000001",
            "updated": "2026-01-01T12:00:00+00:00",
            "in_step": True,
            "confirmed": True,
        }
    ]
    assert told["out_of_step"] == told["foreign_keys"] == []


def test_the_status_of_a_secret_that_drifted() -> None:
    """Keys that others changed or removed are out of step, keys they added are foreign."""
    world = World.in_step("a", "b", "c")
    changes = {("data", "a"): b"x", ("data", "b"): None, ("data", "theirs"): b"y"}
    world.cluster.edit(world.target, changes)
    told = shown(world)
    assert told["state"] == "drifted"
    assert told["out_of_step"] == ["a", "b"]
    assert told["foreign_keys"] == ["theirs"]


def test_the_status_of_no_secret_and_of_one_without_state() -> None:
    """Absent is told from one whose state is lost."""
    assert shown(World.new())["state"] == "absent"
    world = World.in_step("a")
    world.cluster.edit(world.target, {("annotation", STATE_ANNOTATION): None})
    assert shown(world)["state"] == "unknown"
    assert shown(world)["out_of_step"] == []


def test_no_value_is_told() -> None:
    """Neither outcomes nor status hold a value, whoever put it there."""
    world = World.new()
    world.put("a", "pl4nted")
    world.sweep()
    world.cluster.edit(world.target, {("data", "theirs"): b"pl4nted", ("data", "a"): b"pl4nted2"})
    done = world.sweep(dry_run=True)
    told = outcomes_json([Converged(world.target, done.changes, done.keys)])
    assert "pl4nted" not in json.dumps(told) + json.dumps(shown(world)) + repr(done)
