"""Outcomes and Secrets as JSON, and the status and the advice that go with them."""

import itertools
import json
from http import HTTPStatus

import pytest

from sync.app.outcomes import errors, key_of
from sync.app.status import SecretStatus, VaultStatus
from sync.core.changes import Action, Change
from sync.core.errors import (
    Conflict,
    Malformed,
    NotOurs,
    Permanent,
    SyncError,
    Transient,
    Unexpected,
)
from sync.core.model import STATE_ANNOTATION, SecretName, Target
from sync.core.outcomes import Converged, Failed, Ignored, LeftOut, Notice, Outcome
from sync.core.reasons import Reason
from sync.http_api.convert import outcomes_of, status_of
from sync.http_api.dataclass_json import to_json
from sync.http_api.http_status import http_status, retry_after
from sync.reconcile.observed import ObservedSecret
from tests.described import named
from tests.kit.fakes import target_of, vault_name
from tests.kit.world import World

TARGET = target_of(vault_name())
PLACE = {"cluster": "default", "namespace": "shop-dev", "secret": "keyvault-project"}
BY_RANK: list[tuple[SyncError, HTTPStatus]] = [
    (NotOurs(Reason.VAULT_NAME_OFF_PATTERN, "a"), HTTPStatus.NOT_FOUND),
    (Malformed(Reason.EVENT_MALFORMED, "b"), HTTPStatus.BAD_REQUEST),
    (Permanent(Reason.VAULT_FORBIDDEN, "c"), HTTPStatus.UNPROCESSABLE_ENTITY),
    (Transient(Reason.VAULT_UNAVAILABLE, "d"), HTTPStatus.SERVICE_UNAVAILABLE),
    (Unexpected(Reason.BUG, "e"), HTTPStatus.INTERNAL_SERVER_ERROR),
]


@pytest.mark.parametrize(("error", "status"), BY_RANK, ids=[s.name for _, s in BY_RANK])
def test_each_failure_has_its_status(error: SyncError, status: HTTPStatus) -> None:
    """Not ours 404, malformed 400, permanent 422, what may pass 503, a bug 500."""
    assert http_status([error]) == status


def test_nothing_failed_is_ok() -> None:
    """All converged is 200, and so is a conflict-free nothing; a conflict may pass."""
    assert http_status([]) == HTTPStatus.OK
    assert http_status([Conflict(Reason.CONFLICT, "x")]) == HTTPStatus.SERVICE_UNAVAILABLE


def test_the_failure_that_asks_most_counts() -> None:
    """Of several failures the status is that of the gravest, in whatever order they come."""
    for (low, _), (high, status) in itertools.combinations(BY_RANK, 2):
        assert http_status([low, high]) == http_status([high, low]) == status


def test_retry_after_is_the_longest_advice() -> None:
    """The servers' own advice counts, the longest of it, in whole seconds and never none."""
    assert (
        retry_after(
            [
                Transient(Reason.VAULT_UNAVAILABLE, "a", 7),
                Transient(Reason.VAULT_UNAVAILABLE, "b", 12.4),
            ]
        )
        == 12
    )
    assert retry_after([Transient(Reason.VAULT_UNAVAILABLE, "a", 0.2)]) == 1
    assert retry_after([Transient(Reason.VAULT_UNAVAILABLE, "a")]) == 30
    assert retry_after([Permanent(Reason.VAULT_FORBIDDEN, "a")]) == 30


ODD = Notice(Reason.SETTINGS_DIFFER, "Odd.", "a")
OFF = LeftOut(SecretName("Off"), "it is disabled")


def test_outcomes_name_versions_and_reasons() -> None:
    """A vault's outcome says what was done, with which versions, or why not and what to do."""
    change = Change("a", Action.UPDATE, "v2")
    error = Transient(Reason.VAULT_THROTTLED, "Throttled.")
    outcomes: list[Outcome] = [
        Converged(TARGET, (change, Change("b", Action.REMOVE)), 7, ("old",), warnings=(ODD,)),
        Converged(TARGET, (), 7, dry_run=True, left_out=(OFF,)),
        Failed(TARGET.vault.text, error, TARGET, (change,), left_out=(OFF,)),
        Failed("event", Malformed(Reason.EVENT_MALFORMED, "No.")),
        Ignored("event", NotOurs(Reason.VAULT_NAME_OFF_PATTERN, "Not ours.")),
    ]
    told = json.loads(json.dumps(to_json(outcomes_of(outcomes).outcomes)))
    named("Outcomes").validate({"outcomes": told[:3]})  # the others are of events
    updated = {"key": "a", "action": "update", "version": "v2"}
    assert told == [
        {
            "vault": TARGET.vault.text,
            "outcome": "converged",
            "target": PLACE,
            "changes": [updated, {"key": "b", "action": "remove", "version": None}],
            "keys": 7,
            "expired": ["old"],
            "warnings": [{"secret": "a", "reason": "SettingsDiffer", "message": "Odd."}],
        },
        {
            "vault": TARGET.vault.text,
            "outcome": "planned",
            "target": PLACE,
            "changes": [],
            "keys": 7,
            "expired": [],
            "warnings": [],
            "left_out": [{"secret": "Off", "why": "it is disabled"}],
        },
        {
            "vault": TARGET.vault.text,
            "outcome": "failed",
            "reason": "VaultThrottled",
            "message": "Throttled.",
            "transient": True,
            "target": PLACE,
            "changes": [updated],
            "refused": [],
            "warnings": [],
            "left_out": [{"secret": "Off", "why": "it is disabled"}],
        },
        {
            "vault": "event",
            "outcome": "failed",
            "reason": "EventMalformed",
            "message": "No.",
            "transient": False,
            "target": None,
            "changes": [],
            "refused": [],
            "warnings": [],
        },
        {
            "vault": "event",
            "outcome": "failed",
            "reason": "VaultNameOffPattern",
            "message": "Not ours.",
            "transient": False,
            "target": None,
            "changes": [],
            "refused": [],
            "warnings": [],
        },
    ]
    assert len(errors(outcomes)) == 3


def test_an_outcome_lists_each_refused_secret_with_its_own_reason() -> None:
    """The sum of several refusals hides none of them: each has its reason and its message."""
    refused = {
        SecretName("b"): Permanent(Reason.TAG_WRONG, "Correct it."),
        SecretName("a"): Transient(Reason.SECRET_NOT_SERVED_YET, "Soon."),
    }
    failed = Failed(TARGET.vault.text, refused[SecretName("b")], TARGET, (), refused)
    (told,) = json.loads(json.dumps(to_json(outcomes_of([failed]).outcomes)))
    named("Failed").validate(told)
    assert told["refused"] == [
        {
            "secret": "a",
            "reason": "SecretNotServedYet",
            "message": "Soon.",
            "transient": True,
        },
        {"secret": "b", "reason": "TagWrong", "message": "Correct it.", "transient": False},
    ]


def test_a_status_names_what_is_refused_and_since_when() -> None:
    """Without asking the vault a status says which secrets are not in, why, and since when."""
    world = World.in_step("a")
    world.put("b", "new", sync="maybe")
    world.clock.tick(100)
    world.sweep()
    told = shown(world)
    assert told["state"] == "drifted"
    (refused,) = only_list(told["refused"])
    assert (refused["secret"], refused["reason"]) == ("b", "TagWrong")
    assert str(refused["since"]).startswith("2026-01-01T12:")


def test_a_status_says_why_the_last_pass_could_not_read_the_vault() -> None:
    """A vault that cannot be read is noted on its Secret, once, until a pass reads it again."""
    world = World.in_step("a")
    world.wire.fail("list", Permanent(Reason.VAULT_FORBIDDEN, "No role."))
    for _ in range(3):
        with pytest.raises(Permanent):
            world.sweep()
    assert world.wire.count("apply") == 1
    assert world.data == {"a": "a's value"}
    told = shown(world)
    assert (told["state"], told["reason"]) == ("stale", "VaultForbidden")
    failure = told["failure"]
    assert isinstance(failure, dict)
    assert failure["reason"] == "VaultForbidden"
    world.wire.recover()
    world.sweep()
    assert shown(world)["state"] == "converged"
    assert "failure" not in shown(world)


def only_list(told: object) -> list[dict[str, object]]:
    """Return a list of objects."""
    assert isinstance(told, list)
    return told


def test_a_change_in_another_secret_names_it() -> None:
    """A change has its Secret only where that is not the vault's own."""
    changes = (Change("tls.crt", Action.CREATE, "v1", secret="web"), Change("a", Action.REMOVE))
    (told,) = json.loads(json.dumps(to_json(outcomes_of([Converged(TARGET, changes)]).outcomes)))
    named("Converged").validate(told)
    assert told["changes"] == [
        {"key": "tls.crt", "action": "create", "version": "v1", "secret": "web"},
        {"key": "a", "action": "remove", "version": None},
    ]
    assert [key_of(change) for change in changes] == ["web/tls.crt", "a"]


def seen(world: World, target: Target) -> SecretStatus:
    """Return how a Secret stands."""
    read = ObservedSecret.of(target, world.cluster.read(target, world.deadline()))
    rules = world.reconciler.rules.digest
    return SecretStatus.of(read, rules, further=target != world.target)


def shown(world: World, *others: str, fault: SyncError | None = None) -> dict[str, object]:
    """Return what the Secrets tell of themselves; with a fault the others cannot be read."""
    places = {secret: world.target.further(secret) for secret in others}
    told = {secret: fault or seen(world, place) for secret, place in places.items()}
    status = VaultStatus(seen(world, world.target), told)
    document: dict[str, object] = json.loads(json.dumps(to_json(status_of(status))))
    named("Status").validate(document)
    return document


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
            "keys": ["a"],
            "in_step": True,
            "confirmed": True,
        }
    ]
    assert told["out_of_step"] == told["foreign_keys"] == told["others"] == []


def test_what_never_got_in_is_not_in_step() -> None:
    """A Secret that knows of a vault secret that is not in, since its key is taken, says so."""
    world = World.in_step("a")
    world.put("b", "x", key="a")
    world.sweep()
    told = shown(world)
    assert told["state"] == "drifted"
    assert told["out_of_step"] == []
    assert isinstance(told["secrets"], list)
    shortly = [(each["name"], each["version"], each["in_step"]) for each in told["secrets"]]
    assert shortly == [("a", "v000001", True)]


def only(told: object) -> dict[str, object]:
    """Return the one entry of a list."""
    assert isinstance(told, list)
    (entry,) = told
    assert isinstance(entry, dict)
    return entry


def with_web() -> tuple[World, Target]:
    """Return a vault in step whose `cert` is in a Secret of its own, as two keys."""
    world = World.in_step("a")
    tags = {"k8s-secret": "web", "k8s-expand": "json", "k8s-key": "C"}
    world.vaults.put(world.vault, "cert", '{"crt": "1", "key": "2"}', tags=tags)
    world.clock.tick(100)
    world.sweep()
    return world, world.target.further("keyvault-project-web")


def test_the_status_tells_of_the_other_secrets_of_the_vault() -> None:
    """Another Secret has the shape of the own one, and each vault secret its keys."""
    world, web = with_web()
    told = shown(world, web.secret)
    assert told["state"] == "converged"
    assert told["others"] == [
        {
            "vault": world.vault.text,
            "target": PLACE | {"secret": web.secret},
            "state": "converged",
            "written": "2026-01-01T12:08:20+00:00",
            "secrets": [
                {
                    "name": "cert",
                    "version": "v000002",
                    "updated": "2026-01-01T12:06:40+00:00",
                    "keys": ["C_crt", "C_key"],
                    "in_step": True,
                    "confirmed": True,
                }
            ],
            "out_of_step": [],
            "foreign_keys": [],
            "reason": None,
            "message": None,
        }
    ]


def test_the_state_of_a_vault_is_the_worst_of_its_secrets() -> None:
    """Drift, absence, a Secret that cannot be read and one that is not ours, each is worse."""
    world, web = with_web()
    world.cluster.edit(web, {("data", "C_key"): b"x"})
    told = shown(world, web.secret)
    assert told["state"] == "drifted"
    other = only(told["others"])
    assert other["out_of_step"] == ["C_key"]
    assert only(other["secrets"])["in_step"] is False
    del world.cluster.secrets[web.place]
    assert shown(world, web.secret)["state"] == "absent"
    told = shown(world, web.secret, fault=Transient(Reason.CLUSTER_UNREACHABLE, "Down."))
    assert told["state"] == "unknown"
    assert told["others"] == [
        {
            "vault": world.vault.text,
            "target": PLACE | {"secret": web.secret},
            "state": "unknown",
            "reason": "ClusterUnreachable",
            "message": "Down.",
            "transient": True,
        }
    ]
    world.cluster.edit(web, {("data", "theirs"): b"x"})
    assert shown(world, web.secret)["state"] == "taken"


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
    told = to_json(outcomes_of([Converged(world.target, done.changes, done.keys)]))
    assert "pl4nted" not in json.dumps(told) + json.dumps(shown(world)) + repr(done)
