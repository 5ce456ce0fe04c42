"""Everything that the app and its libraries log at DEBUG tells no value."""

from tests.functional.test_leaks import kinds
from tests.functional.world import World
from tests.kit.app import log_size
from tests.leaks.dye import value
from tests.leaks.search import leaks


def test_no_value_is_logged_at_debug(world: World) -> None:
    """With Azure Functions' own setting: values of every kind, in passes, events and answers."""
    place = world.place(silent=True)
    for number, (text, tags, content_type) in enumerate(kinds()):
        place.vault.set_secret(f"s{number}", text, tags=tags, content_type=content_type)
    with world.app(place, PYTHON_ENABLE_DEBUG_LOGGING="1") as app:
        since = log_size(app.host)
        app.fire()
        version = place.put("plain", value())
        assert app.deliver(place.event("plain", version)) == 202
        assert app.resync(place).status == 422
        for route in ("status", "explain", "doctor"):
            app.get(f"/api/{route}?vault={place.name}")
        log = app.log(since)
    assert "plain" in (place.data() or {})
    assert " DEBUG " in log
    assert "urllib3.connectionpool: " in log
    assert leaks(log) == []
