"""What the platform's settings make of vault secrets and their tags."""

import json
import re

from tests.functional.secrets_held import assert_quiet, never_missing, other
from tests.functional.world import World, outcome
from tests.leaks.dye import value

OF_DEV = "it is of stage dev, not prd, and SYNC_STAGE_ALIASES does not make them one"
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
    place = world.filled(*(f"key-{number}" for number in range(12)), age=600, silent=True)
    assert world.resync(place).status == 200
    with world.app(place, SYNC_KEY_STYLE="env") as app:
        assert app.timer == 202
        served = place.wanted()
        assert place.data() == {f"KEY_{number}": served[f"key-{number}"] for number in range(12)}
    assert world.resync(place).status == 200
    assert place.data() == served


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


def test_one_vault_for_several_stages(world: World) -> None:
    """Stage prd takes prod-… and common-… without the prefix; what is of dev is out, and why.

    A common secret and a stage's own of one name are a clash, which a tag solves.
    """
    place = world.place("weu-DS-AKV-{}-prd-1")
    with world.app(place, SYNC_STAGE_PREFIXES="strip") as app:
        login, keys = (
            place.vault.set_secret(f"prod-{name}", value()).value
            for name in ("database-credentials", "api-keys")
        )
        place.vault.set_secret("dev-api-keys", value())
        app.settle()
        arrived = {"database-credentials": login, "api-keys": keys}
        assert place.data() == arrived
        common = place.vault.set_secret("common-api-keys", value()).value
        app.settle()
        assert outcome(app.resync(place))["reason"] == "KeyClash"
        assert place.data() == arrived
        place.vault.update("common-api-keys", tags={"k8s-key": "common-api-keys"})
        assert app.resync(place).status == 200
        assert place.data() == arrived | {"common-api-keys": common}
        assert_quiet(app, place)
        told = app.get(f"/api/explain?vault={place.name}").body["secrets"]
        assert isinstance(told, list)
        states = {each["name"]: (each["state"], each["keys"], each["reason"]) for each in told}
        assert states == {
            "common-api-keys": ("in step", ["common-api-keys"], None),
            "prod-api-keys": ("in step", ["api-keys"], None),
            "prod-database-credentials": ("in step", ["database-credentials"], None),
            "dev-api-keys": ("out", [], OF_DEV),
        }
        planned = outcome(app.get(f"/api/plan?vault={place.name}"))
        assert planned["left_out"] == [{"secret": "dev-api-keys", "why": OF_DEV}]
        refused = app.resync(place, secret="dev-api-keys", dry_run=True)
        assert OF_DEV in refused.text
        examined = app.get(f"/api/doctor?vault={place.name}").text
        assert f"left out: dev-api-keys ({OF_DEV})" in examined


def test_aliases_that_come_and_go_move_what_is_of_a_stage(world: World) -> None:
    """A platform without aliases has its key back under the old name, and no value is lost."""
    place = world.place("weu-DS-AKV-{}-stg-1")
    with world.app(place, SYNC_STAGE_PREFIXES="strip", SYNC_STAGE_ALIASES="none") as app:
        first = place.vault.set_secret("staging-token", value()).value
        app.settle()
        assert place.data() == {"staging-token": first}
    with world.app(place, SYNC_STAGE_PREFIXES="strip") as app, never_missing(place, first):
        assert app.resync(place).status == 200
        assert place.data() == {"token": first}
        assert_quiet(app, place)


def test_a_pattern_that_takes_too_much_is_refused(world: World) -> None:
    """A setting that would remove more than 30 % of the keys removes none until asked for."""
    place = world.filled(*(f"key-{number}" for number in range(10)), age=600, silent=True)
    assert world.resync(place).status == 200
    with world.app(place, SYNC_INCLUDE="key-1") as app:
        answer = app.resync(place)
        assert (answer.status, outcome(answer)["reason"]) == (422, "UnsafePlan")
        assert place.data() == place.wanted()
        assert app.resync(place, removals=True).status == 200
        assert list(place.data() or {}) == ["key-1"]
