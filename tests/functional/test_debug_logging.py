"""Everything that the app and its libraries log at DEBUG tells no value."""

import logging

import pytest

from tests.functional.test_leaks import kinds
from tests.functional.world import World
from tests.kit.app import log_size
from tests.leaks.dye import value
from tests.leaks.search import leaks


def test_no_value_is_logged_at_debug(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With Azure Functions' own setting: values of every kind, in passes, events and answers.

    What the libraries log is outside of an invocation, so that the host loses it; it is searched
    all the same.
    """
    caplog.set_level(logging.DEBUG, "local.told")
    place = world.place(silent=True)
    for number, (text, tags, content_type) in enumerate(kinds()):
        place.vault.set_secret(f"s{number}", text, tags=tags, content_type=content_type)
    with world.app(place, PYTHON_ENABLE_DEBUG_LOGGING="1") as app:
        since = log_size(app.host)
        app.fire()
        version = place.put("plain", value())
        for _ in range(2):
            assert app.deliver(place.event("plain", version)) == 202
        assert app.resync(place).status == 422
        for route in ("status", "explain", "doctor"):
            app.get(f"/api/{route}?vault={place.name}")
        log = app.log(since)
    assert "plain" in (place.data() or {})
    assert " DEBUG " in log
    assert "urllib3.connectionpool: " not in log
    lost = "\n".join(line for line in caplog.messages if "lost: " in line)
    assert "lost: DEBUG urllib3.connectionpool: " in lost
    assert leaks(log + lost) == []
