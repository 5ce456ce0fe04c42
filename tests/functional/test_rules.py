"""What the platform's settings make of vault secrets and their tags."""

import json
import re

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
