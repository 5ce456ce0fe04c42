"""Versions that may not be used yet, by events, the timer and the routes of the whole app."""

import time
from datetime import UTC, datetime

from tests.functional.secrets_held import assert_quiet, other, raw
from tests.functional.world import World, changes, outcome
from tests.kit.chains import PEM, Chain, chain_of, key_pem, pem
from tests.leaks.dye import value

SOON = 3
"""Seconds; by then the event is dealt with, and it is not long to wait."""


def of_chain(chain: Chain) -> str:
    """Write a key and its chain."""
    return pem(*chain.certificates) + key_pem(chain.key)


def warned(answer: object) -> list[object]:
    """Return the reasons of an outcome's warnings."""
    assert isinstance(answer, dict)
    return [each["reason"] for each in answer["warnings"]]


def test_a_version_arrives_when_it_is_valid(world: World) -> None:
    """Its event brings nothing and fails nothing; status and explain say when it is due."""
    place = world.filled("key", silent=True)
    with world.app(place) as app:
        app.bring(place)
        first = place.data()
        nbf = int(time.time()) + SOON
        later = place.vault.set_secret("key", value(), nbf=nbf)
        assert app.deliver(place.event("key", later.version)) == 202
        assert place.data() == first
        resynced = outcome(app.resync(place))
        assert (resynced["outcome"], warned(resynced)) == ("converged", ["NotValidYet"])
        told = app.get(f"/api/explain?vault={place.vault.name}&secret=key").text
        assert datetime.fromtimestamp(nbf, UTC).isoformat() in told
        assert "NotValidYet" in app.get(f"/api/status?vault={place.vault.name}").text
        assert time.time() < nbf + 1, "too slow to tell"
        time.sleep(SOON + 1)
        assert app.fire() == 202
        assert place.data() == {"key": later.value}


def test_a_certificate_that_waits_for_its_authority_stays(world: World) -> None:
    """Its next version is there and disabled: the Secret is as before until it is enabled."""
    place = world.place()
    tls = other(world, place, "keyvault-project-site")
    tags = {"k8s-type": "tls"}
    place.vault.set_certificate("site", of_chain(chain_of("P-256", 2)), PEM, tags=tags)
    world.settle()
    before = raw(tls)
    assert before["tls.crt"]
    pending = place.vault.set_certificate(
        "site", of_chain(chain_of("P-256", 3)), PEM, tags=tags, enabled=False
    )
    world.settle()
    assert raw(tls) == before
    assert warned(outcome(world.resync(place))) == ["CertificatePending"]
    assert raw(tls) == before
    assert_quiet(world, place)
    place.vault.enable("site", pending.version)
    assert outcome(world.resync(place))["outcome"] == "converged"
    assert raw(tls)["tls.crt"] != before["tls.crt"]


def test_an_expired_version_goes_if_the_platform_wants_it(world: World) -> None:
    """With SYNC_EXPIRED=remove a pass takes its keys out, and says why."""
    place = world.filled("key", "other", silent=True)
    with world.app(place, SYNC_EXPIRED="remove") as app:
        app.bring(place)
        place.vault.update("key", exp=int(time.time()) - 60)
        answer = app.resync(place)
        assert changes(answer) == {"key": "remove"}
        assert "it expired at " in answer.text
        assert (place.data() or {}).keys() == {"other"}
