"""More requests at once than can be served: what is answered meanwhile, and how late."""

import time
from concurrent.futures import ThreadPoolExecutor

import urllib3

from local.kubernetes.faults import Where
from local.kubernetes.kinds import SECRET
from tests.functional.gate import closed_gate
from tests.functional.world import Place, World, wait_until
from tests.leaks.dye import value

EVENT_GRID_WAITS = 30.0
REQUESTS = 60
EVENTS_AT_ONCE = 400


def test_hanging_resyncs_hold_up_neither_health_nor_the_timer(world: World) -> None:
    """Behind 60 resyncs that wait for the cluster, health is answered and a pass goes ahead."""
    swept = [world.place(silent=True) for _ in range(12)]
    for place in swept:
        place.vault.set_secret("key", value())
    reads = Where("get", SECRET.plural)
    with (
        world.app(*swept) as app,
        ThreadPoolExecutor(REQUESTS + 1) as callers,
        closed_gate(world.stack.cluster, reads) as gate,
    ):
        body = {"all": True, "refetch": True}  # with an option, so that no pass shares the work
        asked = [callers.submit(app.host.post, "/api/resync", body) for _ in range(REQUESTS)]
        wait_until(lambda: len(gate.held) >= 8)
        began = time.monotonic()
        assert app.get("/api/health").status == 200
        assert time.monotonic() - began < 1
        assert app.get("/api/openapi.json").status == 200
        passing = callers.submit(lambda: app.timer)
        wait_until(lambda: len(gate.held) >= 16)
        assert not any(each.done() for each in asked)
    assert passing.result() in {202, 500}  # 500 and 503 where the gate was closed for too long
    assert {each.result().status for each in asked} <= {200, 503}
    for place in swept:
        world.bring(place)


def test_of_many_slow_events_none_is_answered_too_late(world: World) -> None:
    """What cannot be served in Event Grid's time is refused or failed, and so delivered again."""
    places = [world.place(silent=True) for _ in range(60)]
    for place in places:
        place.vault.set_secret("key", value())
    chosen = [places[number % len(places)] for number in range(EVENTS_AT_ONCE)]
    with world.app() as app, ThreadPoolExecutor(EVENTS_AT_ONCE) as senders:

        def deliver(place: Place) -> tuple[int, float]:
            began = time.monotonic()
            return app.deliver(place.event("key")), time.monotonic() - began

        world.stack.cluster.faults.delay(4, None)
        answers = list(senders.map(deliver, chosen))
        world.stack.cluster.faults.clear()
    statuses = [status for status, _ in answers]
    assert {202, 429} <= {*statuses} <= {202, 429, 500}
    late = [seconds for status, seconds in answers if status != 429 and seconds > 26]
    assert late == []
    assert max(seconds for status, seconds in answers if status == 202) < EVENT_GRID_WAITS
    for place in places:
        world.bring(place)


def test_a_pass_that_is_cut_short_has_told_what_it_did(world: World) -> None:
    """Each vault that a pass has brought has its line, although the app is ended meanwhile."""
    quick = [world.place(silent=True) for _ in range(6)]
    hanging = world.place(silent=True)
    for place in (*quick, hanging):
        place.vault.set_secret("key", value())
    hanging.vault.faults.delay(60, None)
    with world.app(*quick, hanging) as app, ThreadPoolExecutor(1) as caller:
        passing = caller.submit(_fired, app)
        wait_until(lambda: all(place.data() == place.wanted() for place in quick))
        wait_until(lambda: all(_told(world, place) for place in quick))
        app.host.stop()
        assert passing.result() == 0
    assert not world.logged("INFO", "timer: 7 vaults")
    hanging.vault.faults.clear()


def _told(world: World, place: Place) -> bool:
    return world.logged(
        "INFO", f"timer: {place.namespace}/{place.secret} in cluster default in step"
    )


def _fired(app: World) -> int:
    try:
        return app.timer
    except urllib3.exceptions.HTTPError:
        return 0
