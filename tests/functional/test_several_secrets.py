"""The Secrets that tags ask for beside a vault's own: made, moved to, kept, and never lost."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.event_grid import Faults
from tests.functional.secrets_held import (
    Tags,
    assert_quiet,
    kind,
    never_missing,
    other,
    raw,
    watched,
)
from tests.functional.world import World, changes, outcome
from tests.kit.chains import chain_of, pfx, text_of
from tests.leaks.dye import value
from tests.leaks.search import leaks


def test_a_secret_of_its_own_by_event(world: World) -> None:
    """The event of a first version makes the Secret that its tag asks for, beside the vault's."""
    place = world.place()
    web = other(world, place, "keyvault-project-web")
    plain = place.vault.set_secret("plain", value()).value
    world.settle()
    token = place.vault.set_secret("token", value(), tags={"k8s-secret": "web"}).value
    world.settle()
    assert (place.data(), web.data()) == ({"plain": plain}, {"token": token})
    assert web.labels() == place.labels()
    assert kind(web) == "Opaque"
    assert_quiet(world, place, web)


def test_a_quiet_pass_over_every_shape_fetches_nothing(world: World) -> None:
    """In step: one list for 25 secrets, one read of each Secret, no get and no write."""
    place = world.place(age=600, silent=True)
    web = other(world, place, "keyvault-project-web")
    tls = other(world, place, "keyvault-project-site")
    chain = chain_of("P-256", 2)
    place.vault.set_secret("plain", value())
    place.vault.set_secret("out", value(), tags={"k8s-sync": "false"})
    place.vault.set_secret("named", value(), tags={"k8s-key": "NAMED"})
    place.vault.set_secret("tree", '{"a":{"b":1},"c":[]}', tags={"k8s-expand": "json"})
    place.vault.set_secret("web", value(), tags={"k8s-secret": "web"})
    bundle = text_of(pfx(chain.key, chain.certificates))
    place.vault.set_certificate("site", bundle, tags={"k8s-type": "tls"})
    with world.app(place) as app:
        assert app.timer == 202
        assert set(place.data() or {}) == {"plain", "NAMED", "a_b", "c"}
        assert (len(raw(web)), len(raw(tls))) == (1, 3)
        place.vault.reset_requests()
        place.stack.cluster.requests.reset()
        assert app.timer == 202
    assert place.vault.requests() == {"list": 1}
    requests = place.stack.cluster.requests
    assert requests.count() == requests.count("get", "secrets") == 3


@pytest.mark.parametrize(
    ("before", "after", "home"),
    [
        ({}, {"k8s-secret": "web"}, "keyvault-project-web"),
        ({"k8s-secret": "web"}, {}, "keyvault-project"),
        ({"k8s-secret": "web"}, {"k8s-secret": "api"}, "keyvault-project-api"),
        ({"k8s-secret": "web", "k8s-key": "A"}, {"k8s-secret": "web"}, "keyvault-project-web"),
        ({}, {"k8s-secret": "web", "k8s-key": "A"}, "keyvault-project-web"),
        ({"k8s-key": "A"}, {"k8s-key": "B"}, "keyvault-project"),
    ],
)
@pytest.mark.parametrize("how", ["pass", "event"])
def test_a_move_never_leaves_both_places_without_it(
    world: World, before: Tags, after: Tags, home: str, how: str
) -> None:
    """Whatever tag moves a key, the new place has it before the old one loses it."""
    place = world.place()
    web = other(world, place, "keyvault-project-web")
    api = other(world, place, "keyvault-project-api")
    stays = place.vault.set_secret("stays", value()).value
    made = place.vault.set_secret("moves", value(), tags=before)
    world.settle()
    with never_missing(place, made.value):
        place.vault.update("moves", tags=after)
        if how == "pass":
            assert world.resync(place).status == 200
        else:
            assert world.deliver(place.event("moves", made.version)) == 202
            assert world.resync(place).status == 200
    held = {each.secret: each.data() or {} for each in (place, web, api)}
    assert held.pop(home) == {after.get("k8s-key", "moves"): made.value} | (
        {"stays": stays} if home == place.secret else {}
    )
    assert [list(data) for data in held.values() if data] == (
        [] if home == place.secret else [["stays"]]
    )
    assert_quiet(world, place, web, api)


def test_a_move_that_fails_leaves_all_where_it_was(world: World) -> None:
    """Where the new Secret is refused the old place keeps its key, and the next pass moves it."""
    place = world.place()
    made = place.vault.set_secret("moves", value())
    place.vault.set_secret("stays", value())
    world.settle()
    place.vault.update("moves", tags={"k8s-secret": "web"})
    with never_missing(place, made.value):
        for _ in range(2):
            assert world.resync(place).status == 422
            assert place.data() == place.wanted()
        newer = place.vault.set_secret("stays", value()).value
        world.settle()
        assert place.data() == {"moves": made.value, "stays": newer}
        web = other(world, place, "keyvault-project-web")
        assert world.resync(place).status == 200
    assert (place.data(), web.data()) == ({"stays": newer}, {"moves": made.value})


def test_what_somebody_did_to_another_secret_is_repaired(world: World) -> None:
    """Drift in a Secret that a tag asked for is found and mended by a pass, as in the vault's."""
    place = world.place(age=600)
    web = other(world, place, "keyvault-project-web")
    place.vault.set_secret("plain", value())
    token = place.vault.set_secret("token", value(), tags={"k8s-secret": "web"}).value
    world.settle()
    cluster = place.stack.cluster
    cluster.patch_data(web.namespace, web.secret, {"token": b"mallory", "theirs": b"x"})
    assert changes(world.resync(place)) == {"token": "repair"}
    assert web.data() == {"token": token, "theirs": "x"}
    cluster.delete_secret(web.namespace, web.secret)
    assert changes(world.resync(place)) == {"token": "create"}
    assert web.data() == {"token": token}


def test_additional_vaults_have_secrets_of_their_own(world: World) -> None:
    """Two vaults of one project whose tags say the same word do not meet."""
    first = world.place("weu-DS-AKV-{}-dev-1")
    project = first.name.split("-")[3]
    second = world.place(f"weu-DS-AKV-{project}-dev-2")
    places = [
        other(world, first, "keyvault-project-web"),
        other(world, second, "keyvault-2-web"),
    ]
    for place in (first, second):
        place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    world.settle()
    assert [each.data() for each in places] == [first.wanted(), second.wanted()]


def test_somebody_elses_secret_is_not_taken(world: World) -> None:
    """A Secret that was there before the tag is left alone and named; the others go on."""
    place = world.place(silent=True)
    web = other(world, place, "keyvault-project-web")
    place.stack.cluster.put_secret(web.namespace, web.secret, {"theirs": b"x"})
    plain = place.vault.set_secret("plain", value()).value
    place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    answer = world.resync(place)
    assert (answer.status, outcome(answer)["reason"]) == (422, "TargetTaken")
    assert web.secret in str(outcome(answer)["message"])
    assert (place.data(), web.data()) == ({"plain": plain}, {"theirs": "x"})
    assert world.resync(place, takeover=True).status == 200
    assert web.data() == {"theirs": "x", "token": place.wanted()["token"]}


def test_a_secret_off_the_role_holds_back_no_other(world: World) -> None:
    """A Secret that the app's Role does not name is refused by its name, and the others go on."""
    place = world.place(silent=True)
    place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    plain = place.vault.set_secret("plain", value()).value
    answer = world.resync(place)
    assert answer.status == 422
    assert "keyvault-project-web" in str(outcome(answer)["message"])
    assert place.data() == {"plain": plain}
    web = other(world, place, "keyvault-project-web")
    assert world.resync(place).status == 200
    assert web.data() == {"token": place.wanted()["token"]}


def test_a_type_cannot_change(world: World) -> None:
    """A Secret has its type for good: the refusal names it, and once deleted it is made anew."""
    place = world.place()
    shared = other(world, place, "keyvault-project-shared")
    plain = place.vault.set_secret("plain", value()).value
    secret = value()
    made = place.vault.set_secret("login", f"user:{secret}", tags={"k8s-secret": "shared"}).value
    world.settle()
    place.vault.update("login", tags={"k8s-secret": "shared", "k8s-type": "basic-auth"})
    answer = world.resync(place)
    assert (answer.status, outcome(answer)["reason"]) == (422, "SecretTypeMismatch")
    assert shared.secret in str(outcome(answer)["message"])
    assert (place.data(), shared.data()) == ({"plain": plain}, {"login": made})
    place.stack.cluster.delete_secret(shared.namespace, shared.secret)
    assert world.resync(place).status == 200
    assert kind(shared) == "kubernetes.io/basic-auth"
    assert shared.data() == {"username": "user", "password": secret}
    assert_quiet(world, place, shared)


def test_a_typed_secret_keeps_its_type_without_its_value(world: World) -> None:
    """The type's keys must stay: what is gone from the vault is blanked, and comes back."""
    place = world.place()
    basic = other(world, place, "keyvault-project-login")
    place.vault.set_secret("plain", value())
    secret = value()
    place.vault.set_secret("login", f"user:{secret}", tags={"k8s-type": "basic-auth"})
    world.settle()
    place.vault.disable("login")
    assert world.resync(place).status == 200
    assert basic.data() == {"username": "", "password": ""}
    assert_quiet(world, place, basic)
    place.vault.enable("login")
    assert world.resync(place).status == 200
    assert basic.data() == {"username": "user", "password": secret}


def test_a_team_asks_where_its_secrets_are(world: World) -> None:
    """Status of one vault, and explain, say where each secret is or why it is not; no values."""
    place = world.place()
    other(world, place, "keyvault-project-web")
    made = place.vault.set_secret("in", value(), tags={"k8s-key": "IN", "k8s-secret": "web"})
    place.vault.set_secret("out", value(), tags={"k8s-sync": "false"})
    place.vault.set_secret("bad", value(), tags={"k8s-expand": "json"})
    world.settle()
    place.vault.set_secret("off", value())
    place.vault.disable("off")
    (status,) = json.loads(world.get(f"/api/status?vault={place.name}").text)["vaults"]
    explained = {each["name"]: each for each in status["explanation"]["secrets"]}
    assert {name: each["state"] for name, each in explained.items()} == {
        "in": "in step",
        "out": "out",
        "off": "out",
        "bad": "failed",
    }
    there = [explained["in"][field] for field in ("secrets", "keys", "version")]
    assert there == [["keyvault-project-web"], ["IN"], made.version]
    assert explained["bad"]["reason"] == "ValueNotOfFormat"
    told = world.stack.command("explain", place.name, "-o", "json")
    assert leaks(told.stdout + told.stderr) == []
    assert json.loads(told.stdout)["secrets"] == status["explanation"]["secrets"]


@pytest.mark.parametrize("seed", range(3))
def test_chaos_of_tags_never_loses_a_secret(world: World, seed: int) -> None:
    """Whatever moves, fails and races: a value in some Secret gives way to a newer one only."""
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    place = world.place()
    homes = {word: other(world, place, f"keyvault-project-{word}") for word in ("web", "api")}
    known: dict[bytes, tuple[str, int]] = {}
    tags: dict[str, Tags] = {}
    lost: list[str] = []
    newest: dict[str, int] = {}

    def see(values: set[bytes]) -> None:
        found = dict(sorted(known[each] for each in values))
        lost.extend(name for name, number in newest.items() if found.get(name, 0) < number)
        newest.update(found)

    def act(number: int) -> None:
        name = chance.choice("abcde")
        new = chance.choice([{}, {"k8s-secret": "web"}, {"k8s-secret": "api"}])
        new |= chance.choice([{}, {"k8s-key": f"key.{name}"}])
        if name in tags and chance.random() < 0.5:
            place.vault.update(name, tags=new)
        else:
            known[(made := value()).encode()] = name, number
            place.vault.set_secret(name, made, tags=new)
        tags[name] = new

    world.stack.grid.inject(Faults(double=True, reorder=3, drop=0.1))
    with watched(place, see), world.app(place) as timer, ThreadPoolExecutor(1) as threads:
        world.stack.subscribe(world.host)
        for number in range(1, 41):
            if number % 10 == 0:
                place.stack.cluster.faults.fail(409, 1, verb="patch")
                place.stack.cluster.faults.reset(1)
            beside = threads.submit(lambda: timer.timer)
            act(number)
            assert beside.result() in {202, 500}
        world.stack.grid.inject(Faults())
        world.settle()
        place.stack.cluster.faults.clear()
        assert world.resync(place).status == 200
    assert lost == []
    expected: dict[str, dict[str, str]] = {"": {}, "web": {}, "api": {}}
    for name, given in tags.items():
        key = given.get("k8s-key", name)
        expected[given.get("k8s-secret", "")][key] = place.wanted()[name]
    assert {word: home.data() or {} for word, home in {"": place, **homes}.items()} == expected
