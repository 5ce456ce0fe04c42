"""What operators get over HTTP: outcomes and status as names and versions, never values."""

import gzip
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
import urllib3

from local.kubernetes.faults import Where
from local.kubernetes.kinds import SECRET
from sync.http_api.openapi import VERSION
from tests.functional.gate import closed_gate
from tests.functional.world import Place, World, changes, outcome, wait_until
from tests.leaks.dye import value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 9_000,
        b'{"all": true, "padding": "' + b"x" * 20_000 + b'"}',
        {"all": True, "secret": "a/b"},
        {"all": True, "dryrun": True},
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_malformed_request_is_told_what_to_send(world: World, body: object) -> None:
    """Whatever is wrong with a body gets 400 and a sentence that says what is expected."""
    answer = world.post("/api/resync", body)
    assert answer.status == 400
    assert answer.body["reason"] == "RequestMalformed"
    assert "Send JSON with" in answer.text or "Key Vault secret name" in answer.text
    assert len(answer.text) < 1000


@pytest.mark.parametrize("vault", ["shop", "weu-akv-shop-dev-1", "../../etc/passwd", "ü" * 30])
def test_a_vault_off_the_pattern_is_not_found(world: World, vault: str) -> None:
    """Resync and status of a name that no vault of the platform can have get 404."""
    answer = world.post("/api/resync", {"vault": vault})
    assert answer.status == 404
    assert answer.body["reason"] == "VaultNameOffPattern"
    assert "SYNC_VAULT_PATTERN" in answer.text


def test_status_of_a_vault_off_the_pattern_is_not_found(world: World) -> None:
    """Status asks the same of a vault's name as resync does."""
    assert world.get("/api/status?vault=shop").status == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("vault=weu-ds-akv-a-dev-1&vault=weu-ds-akv-b-dev-1", 404),
        ("vault=%ff%fe", 404),
        ("vault=%00", 404),
        ("vault=" + "x" * 4000, 404),
        ("vault=weu-ds-akv-a-dev-1&secret=a/b", 400),
        ("secret=a", 400),
        ("Vault=weu-ds-akv-a-dev-1", 400),
        ("foo=1", 400),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_query_that_cannot_be_is_refused(world: World, query: str, status: int) -> None:
    """Of an odd query the app says what is wrong."""
    answer = world.get(f"/api/status?{query}")
    assert answer.status == status
    assert len(answer.text) < 1000


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        ({}, iter([b'{"all": true}']), "in chunks"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b'{"all": true}'), "compressed"),
    ],
    ids=["chunked", "gzip"],
)
def test_a_body_that_the_host_does_not_pass_on_is_told_so(
    world: World, headers: Mapping[str, str], body: bytes | Iterator[bytes], told: str
) -> None:
    """What came in chunks or compressed is no JSON by then, and the answer says what to send."""
    key = {"x-functions-key": world.host.function_key}
    url = f"{world.host.url}/api/resync"
    answer = urllib3.request("POST", url, body=body, headers={**key, **headers}, retries=False)
    assert answer.status == 400
    assert told in answer.data.decode()


def test_a_key_in_the_query_is_no_parameter(world: World) -> None:
    """The host's own parameter is left alone, where routes refuse those that they do not know."""
    url = f"{world.host.url}/api/status?code={world.host.function_key}"
    assert urllib3.request("GET", url, retries=False).status == 200


def test_status_explains_one_secret(world: World) -> None:
    """With `secret` the explanation is of that one alone, as `keyvault-sync explain` has it."""
    place = world.filled("a", "b", age=600, silent=True)
    world.resync(place)
    (told,) = json.loads(world.get(f"/api/status?vault={place.name}&secret=A").text)["vaults"]
    done = world.stack.command("explain", place.name, "A", "-o", "json")
    assert told["explanation"]["secrets"] == json.loads(done.stdout)["secrets"]
    assert [each["name"] for each in told["explanation"]["secrets"]] == ["a"]
    (told,) = json.loads(world.get(f"/api/status?vault={place.name}&secret=c").text)["vaults"]
    assert told["explanation"]["reason"] == "NoSuchSecret"


def test_resync_by_project_and_by_all(world: World) -> None:
    """A project's stage means its known vaults, all means every known vault, in their order."""
    one = world.place(silent=True)
    project = one.namespace.partition("-")[0]
    second = world.place(f"weu-DS-AKV-{project}-dev-2", silent=True)
    other = world.place(silent=True)
    places = [one, second, other]
    for place in places:
        place.vault.set_secret("key", value())
    with world.app(*places) as app:
        answer = app.post("/api/resync", {"project": project.upper(), "stage": "DEV"})
        assert answer.status == 200
        assert vaults_of(answer.body) == [one.name, second.name]
        assert other.data() is None
        assert [place.data() for place in (one, second)] == [one.wanted(), second.wanted()]
        answer = app.post("/api/resync", {"all": True})
        assert vaults_of(answer.body) == [place.name for place in places]
        assert other.data() == other.wanted()
        answer = app.post("/api/resync", {"project": project, "stage": "prod"})
        assert answer.status == 404
        assert "SYNC_VAULTS" in answer.text


def test_all_of_no_vault_is_refused(world: World) -> None:
    """Who resyncs all vaults of an app that knows none is told so, as on the command line."""
    for path in ("/api/status", "/api/status?vault="):
        assert world.get(path).body == {"vaults": []}
    answer = world.post("/api/resync", {"all": True})
    assert answer.status == 404
    assert answer.body["reason"] == "NoVaults"
    assert "SYNC_VAULTS" in answer.text
    done = world.stack.command("resync", "--all", "-o", "json")
    assert json.loads(done.stdout) == answer.body


def vaults_of(body: dict[str, object]) -> list[str]:
    """Return the vaults that outcomes speak of, in their order."""
    outcomes = body["outcomes"]
    assert isinstance(outcomes, list)
    return [each["vault"] for each in outcomes]


def test_the_worst_outcome_decides_the_status(world: World) -> None:
    """One vault that may recover makes the whole answer 503, though others failed for good."""
    well, lasting, passing = (world.place(silent=True) for _ in range(3))
    for place in (well, lasting, passing):
        place.vault.set_secret("key", value())
    lasting.vault.access.deny()
    with world.app(well, lasting, passing) as app:
        assert app.post("/api/resync", {"all": True}).status == 422
        passing.vault.faults.throttle(None, retry_after=77)
        answer = app.post("/api/resync", {"all": True})
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "77"
    outcomes = answer.body["outcomes"]
    assert isinstance(outcomes, list)
    assert [each["outcome"] for each in outcomes] == ["converged", "failed", "failed"]
    assert [each.get("transient") for each in outcomes] == [None, False, True]


def test_a_dry_run_tells_the_plan_and_writes_nothing(world: World) -> None:
    """`dry_run` reports what a resync would do to each key, for a new and an existing Secret."""
    place = world.place(age=600, silent=True)
    made = place.vault.set_secret("a", value())
    answer = world.resync(place, dry_run=True)
    assert answer.status == 200
    assert outcome(answer)["outcome"] == "planned"
    (change,) = listed(outcome(answer), "changes")
    assert (change["key"], change["action"], change["version"]) == ("a", "create", made.version)
    assert place.data() is None
    place.vault.set_secret("b", value())
    assert world.resync(place).status == 200
    before = place.document()
    place.clock.ahead = -300
    place.vault.delete("b")
    place.vault.set_secret("a", value())
    place.vault.set_secret("c", value())
    answer = world.resync(place, dry_run=True)
    assert changes(answer) == {"a": "update", "b": "remove", "c": "create"}
    assert place.document() == before
    assert changes(world.resync(place)) == changes(answer)
    assert place.data() == place.wanted()
    assert changes(world.resync(place, dry_run=True)) == {}


def test_a_dry_run_meets_the_refusals_of_a_real_one(world: World) -> None:
    """What would be refused is refused in a dry run as well."""
    place = world.filled("a", silent=True)
    place.stack.cluster.put_secret(place.namespace, place.secret, {}, immutable=True)
    assert world.resync(place, dry_run=True).status == 422


def test_one_secret_is_resynced_alone(world: World) -> None:
    """With `secret` only that one is read; the others stay as they were."""
    place = world.filled("a", "b", age=600, silent=True)
    assert world.resync(place).status == 200
    before = place.data() or {}
    place.clock.ahead = -300
    fresh = place.vault.set_secret("a", value())
    place.vault.set_secret("b", value())
    place.vault.reset_requests()
    answer = world.resync(place, secret="A")
    assert answer.status == 200
    assert changes(answer) == {"a": "update"}
    assert place.data() == before | {"a": fresh.value}
    assert place.vault.requests() == {"get": 1}


def test_one_disabled_secret_loses_its_key(world: World) -> None:
    """With `secret` a disabled or deleted one is removed."""
    place = world.filled("a", "b", "c", age=600, silent=True)
    assert world.resync(place).status == 200
    place.vault.disable("a")
    assert changes(world.resync(place, secret="a")) == {"a": "remove"}
    place.vault.delete("b")
    assert changes(world.resync(place, secret="b")) == {"b": "remove"}
    assert place.data() == place.wanted()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/resync"), ("GET", "/api/status"), ("GET", "/api/status?x")]
)
@pytest.mark.parametrize("key", ["", "wrong"])
def test_resync_and_status_need_the_key(world: World, method: str, path: str, key: str) -> None:
    """Without the function key nothing is done and nothing is told."""
    answer = urllib3.request(
        method, world.host.url + path, headers={"x-functions-key": key}, retries=False
    )
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert answer.data == b""


def test_health_needs_no_key(world: World) -> None:
    """Anyone may ask whether the app is well, and learns nothing else."""
    answer = urllib3.request("GET", world.host.url + "/api/health", retries=False)
    assert answer.status == HTTPStatus.OK
    assert json.loads(answer.data) == {"status": "ok"}


def status_of(world: World, place: Place) -> dict[str, object]:
    """Return what status tells of one vault."""
    answer = world.get(f"/api/status?vault={place.name.upper()}")
    assert answer.status == 200
    vaults = answer.body["vaults"]
    assert isinstance(vaults, list)
    (told,) = vaults
    assert isinstance(told, dict)
    return told


def test_status_tells_names_versions_and_times(world: World) -> None:
    """Status shows what the Secret holds by its own word, without asking the vault."""
    place = world.place(age=600, silent=True)
    assert status_of(world, place)["state"] == "empty"
    made = place.vault.set_secret("a", value())
    world.resync(place)
    place.vault.access.deny()
    told = status_of(world, place)
    assert told["vault"] == place.name
    assert told["target"] == {
        "cluster": "default",
        "namespace": place.namespace,
        "secret": place.secret,
    }
    assert told["state"] == "converged"
    assert str(told["written"]).endswith("+00:00")
    secrets = told["secrets"]
    assert isinstance(secrets, list)
    (secret,) = secrets
    assert (secret["name"], secret["version"]) == ("a", made.version)
    assert (secret["in_step"], secret["confirmed"]) == (True, True)
    assert told["out_of_step"] == told["foreign_keys"] == []


def test_routes_answer_their_method_only(world: World) -> None:
    """A resync is never run by following a link; the host answers other methods itself."""
    for method, path in (("GET", "/api/resync"), ("HEAD", "/api/status"), ("POST", "/api/status")):
        answer = urllib3.request(method, world.host.url + path, retries=False)
        assert (answer.status, answer.data) == (404, b"")


def test_only_a_vault_that_is_named_is_explained(world: World) -> None:
    """The status of all vaults asks no vault for anything."""
    place = world.filled("a", age=600, silent=True)
    with world.app(place) as app:
        (told,) = json.loads(app.get("/api/status").text)["vaults"]
    assert told["vault"] == place.name
    assert "explanation" not in told


def test_a_plan_is_a_dry_run(world: World) -> None:
    """What a resync would write is told in the same words, and nothing is written."""
    place = world.filled("key", silent=True)
    answer = world.get(f"/api/plan?vault={place.name}")
    assert (answer.status, outcome(answer)["outcome"]) == (200, "planned")
    assert changes(answer) == {"key": "create"}
    assert answer.text == world.resync(place, dry_run=True).text
    assert place.data() is None
    assert world.get("/api/plan").status == 400


def test_a_plan_asks_the_api_server(world: World) -> None:
    """A write that the API server would refuse is refused in a plan as well."""
    place = world.filled("key", silent=True)
    place.stack.bind(place.namespace, place.secret, without=["patch"])
    answer = world.get(f"/api/plan?vault={place.name}")
    assert (answer.status, outcome(answer)["reason"]) == (422, "ClusterForbidden")


def test_an_outcome_lists_each_refused_secret(world: World) -> None:
    """Two secrets with different faults are both named, and a status remembers them."""
    place = world.filled("key", silent=True)
    place.put("wrong", value(), sync="perhaps")
    place.put("odd", value(), kee="x")
    answer = world.resync(place)
    refused = {each["secret"]: each["reason"] for each in listed(outcome(answer), "refused")}
    assert refused == {"odd": "TagUnknown", "wrong": "TagWrong"}
    (status,) = listed(world.get(f"/api/status?vault={place.name}").body, "vaults")
    assert {each["secret"]: each["reason"] for each in listed(status, "refused")} == refused
    assert world.logged("ERROR", f"{place.name}/odd: TagUnknown")


def test_an_explanation_says_when_the_timer_tries(world: World) -> None:
    """A secret that waits says why, and when its pass is due; one that failed has its reason."""
    place = world.filled("key", silent=True)
    place.put("wrong", value(), sync="perhaps")
    with world.app(place) as app:
        answer = app.get(f"/api/explain?vault={place.name}")
    told = {each["name"]: each for each in listed(answer.body, "secrets")}
    assert (told["key"]["state"], told["wrong"]["reason"]) == ("waiting", "TagWrong")
    assert str(told["key"]["reason"]).startswith("it is new in the vault")
    assert str(told["key"]["due"]).endswith(":00+00:00")
    assert world.get("/api/explain").status == 400


def test_one_examination_goes_on_at_a_time(world: World) -> None:
    """Who asks for a second one is told to ask again; the first ends as ever."""
    place = world.filled("key", silent=True)
    ask = f"/api/doctor?vault={place.name}"
    where = Where("get", SECRET.plural, place.namespace, place.secret)
    with ThreadPoolExecutor(1) as beside, closed_gate(world.stack.cluster, where) as gate:
        first = beside.submit(world.get, ask)
        wait_until(lambda: bool(gate.held))
        second = world.get(ask)
        assert (second.status, second.body["reason"]) == (503, "ExaminationRunning")
    assert first.result().status == 200
    checks = listed(first.result().body, "checks")
    assert {check["view"] for check in checks} == {"the app"}
    assert world.get("/api/version").body == {"version": VERSION}


def test_one_name_off_the_pattern_keeps_no_other_vault_out(world: World) -> None:
    """A wrong name in SYNC_VAULTS fails alone, in each pass and by name."""
    place = world.filled("key", silent=True)
    with world.app(place, SYNC_VAULTS=f"{place.name},weu-kv-shop") as app:
        assert app.timer == 202
        assert place.data() == place.wanted()
        assert app.logged("ERROR", "weu-kv-shop", "VaultListedOffPattern")
        answer = app.post("/api/resync", {"all": True})
        assert answer.status == 422


def listed(node: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return a list of objects."""
    found = node[name]
    assert isinstance(found, list)
    return found


def test_a_status_by_project_is_of_its_stage_alone(world: World) -> None:
    """A project's stage is chosen as for a resync; a half of the choice is refused."""
    place = world.filled("key", silent=True)
    project, _, stage = place.namespace.partition("-")
    with world.app(place) as app:
        answer = app.get(f"/api/status?project={project}&stage={stage}")
        assert [each["vault"] for each in listed(answer.body, "vaults")] == [place.name.lower()]
        assert app.get(f"/api/status?project={project}").status == 400
        assert app.get(f"/api/status?project={project}&stage=none").status == 404
