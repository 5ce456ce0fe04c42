"""What the platform's settings make of vault secrets and their tags."""

import json
import re

import pytest

from tests.functional.secrets_held import assert_quiet, other
from tests.functional.world import World, outcome
from tests.leaks.dye import value

ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def test_a_credential_is_used_by_env_from(world: World) -> None:
    """Under the key style env every key, nested members' too, is a name for the environment."""
    place = world.place()
    user, host, plain = value(), value(), value()
    with world.app(place, SYNC_KEY_STYLE="env") as app:
        place.vault.set_secret(
            "postgres-credentials",
            json.dumps({"user": user, "primary": {"host-name": host, "ports": [1, 2]}}),
            tags={"k8s-expand": "json", "k8s-key": "POSTGRES"},
        )
        place.vault.set_secret("db-password", plain)
        place.vault.set_secret("as-written", plain, tags={"k8s-key": "asWritten"})
        app.settle()
        assert place.data() == {
            "POSTGRES_USER": user,
            "POSTGRES_PRIMARY_HOST_NAME": host,
            "POSTGRES_PRIMARY_PORTS": "[1,2]",
            "DB_PASSWORD": plain,
            "asWritten": plain,
        }
        assert all(map(ENVIRONMENT_NAME.fullmatch, place.data() or {}))
        assert_quiet(app, place)


def test_another_key_style_renames_every_key(world: World) -> None:
    """The platform's change of mind is one write, and no loss that an operator has to ask for."""
    place = world.place(age=600, silent=True)
    for number in range(12):
        place.vault.set_secret(f"key-{number}", value())
    assert world.resync(place).status == 200
    with world.app(place, SYNC_KEY_STYLE="env") as app:
        assert app.timer == 202
        served = place.wanted()
        assert place.data() == {f"KEY_{number}": served[f"key-{number}"] for number in range(12)}
    assert world.resync(place).status == 200
    assert place.data() == served


def test_a_key_that_is_no_environment_name_is_told(world: World) -> None:
    """Under the key style env such a key is written, and a warning names it."""
    place = world.place()
    with world.app(place, SYNC_KEY_STYLE="env") as app:
        place.vault.set_secret("2fa-seed", value())
        app.settle()
        assert list(place.data() or {}) == ["2FA_SEED"]
        assert app.resync(place).status == 200
        assert app.logged("WARNING", place.name, "2FA_SEED")


def test_the_platform_decides_which_secrets_tags_may_name(world: World) -> None:
    """A name that SYNC_SECRET_NAMES allows is taken outright, any other after the vault's own."""
    place = world.place()
    free = other(world, place, "shop-web")
    bound = other(world, place, "keyvault-project-other")
    with world.app(place, SYNC_SECRET_NAMES="shop-*") as app:
        first = place.vault.set_secret("a", value(), tags={"k8s-secret": "shop-web"}).value
        second = place.vault.set_secret("b", value(), tags={"k8s-secret": "other"}).value
        app.settle()
        assert (free.data(), bound.data()) == ({"a": first}, {"b": second})
        assert_quiet(app, place, free, bound)


def test_the_platform_includes_and_excludes(world: World) -> None:
    """Only what a pattern includes is in, and not what one excludes, by name or by tag."""
    place = world.place()
    settings = {
        "SYNC_INCLUDE": "shop-*,tag:team=shop*",
        "SYNC_EXCLUDE": "*-ADMIN,tag:private=*",
    }
    with world.app(place, **settings) as app:
        wanted = {
            "Shop-a": place.vault.set_secret("Shop-a", value()).value,
            "b": place.vault.set_secret("b", value(), tags={"team": "shop-2"}).value,
        }
        place.vault.set_secret("c", value())
        place.vault.set_secret("shop-admin", value())
        place.vault.set_secret("shop-d", value(), tags={"private": ""})
        place.vault.set_secret("shop-e", value(), tags={"private": "yes", "k8s-nonsense": "1"})
        app.settle()
        assert app.timer == 202
        assert place.data() == wanted
        assert not app.logged("ERROR", place.name)


def test_a_pattern_that_takes_too_much_is_refused(world: World) -> None:
    """A setting that would remove more than 30 % of the keys removes none until asked for."""
    place = world.place(age=600, silent=True)
    for number in range(10):
        place.vault.set_secret(f"key-{number}", value())
    assert world.resync(place).status == 200
    with world.app(place, SYNC_INCLUDE="key-1") as app:
        answer = app.resync(place)
        assert (answer.status, outcome(answer)["reason"]) == (422, "UnsafePlan")
        assert place.data() == place.wanted()
        assert app.resync(place, removals=True).status == 200
        assert list(place.data() or {}) == ["key-1"]


@pytest.mark.parametrize("prefixes", ["none", "keep", "strip"])
def test_a_stage_takes_the_common_secrets_and_its_own(world: World, prefixes: str) -> None:
    """In a shared vault a stage has what is common, its own and what has no stage at all."""
    place = world.place("weu-DS-AKV-{}-stg-1")
    names = ("common-a", "dev-b", "stg-c", "STG-d", "prod-e", "plain", "stgx-f")
    with world.app(place, SYNC_STAGE_PREFIXES=prefixes) as app:
        for name in names:
            place.vault.set_secret(name, value())
        app.settle()
        keys = {
            "none": {name: name for name in names},
            "keep": {n: n for n in names if n not in {"dev-b", "prod-e"}},
            "strip": {"common-a": "a", "stg-c": "c", "STG-d": "d"}
            | {"plain": "plain", "stgx-f": "stgx-f"},
        }[prefixes]
        served = place.wanted()
        assert place.data() == {key: served[name] for name, key in keys.items()}
