"""The explanation over HTTP, where a part of what it needs is missing."""

import json

from tests.functional.world import World
from tests.leaks.dye import value


def test_a_vault_that_cannot_be_read_is_told_beside_what_its_secret_holds(world: World) -> None:
    """Why nothing can be explained is told in its place, and the status is as without it."""
    place = world.place(age=600, silent=True)
    made = place.vault.set_secret("a", value())
    world.resync(place)
    place.vault.access.deny()
    answer = world.get(f"/api/status?vault={place.name}")
    (told,) = json.loads(answer.text)["vaults"]
    assert answer.status == 200
    assert [each["version"] for each in told["secrets"]] == [made.version]
    assert told["explanation"]["reason"] == "VaultForbidden"
    assert told["explanation"]["transient"] is False


def test_only_a_vault_that_is_named_is_explained(world: World) -> None:
    """The status of all vaults asks no vault for anything."""
    place = world.filled("a", age=600, silent=True)
    with world.app(place) as app:
        (told,) = json.loads(app.get("/api/status").text)["vaults"]
    assert told["vault"] == place.name
    assert "explanation" not in told
