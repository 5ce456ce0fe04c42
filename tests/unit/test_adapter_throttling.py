"""When a host that throttles may be asked again, whoever asks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sync.adapters.azure.throttling import REFUSALS_TO_STOP, Throttle
from tests.kit.scripted import Moments


@pytest.fixture
def moments() -> Moments:
    """Make a clock."""
    return Moments(now=1000)


@pytest.fixture
def throttle(moments: Moments) -> Throttle:
    """Make a throttle on that clock."""
    return Throttle(moments)


def test_a_host_is_left_alone_for_as_long_as_it_says(throttle: Throttle, moments: Moments) -> None:
    """It is asked again when that time is over, and no other host is held up."""
    assert throttle.left("a") == 0
    assert throttle.refused("a", moments(), 10) == 10
    assert (throttle.left("a"), throttle.left("b")) == (10, 0)
    moments.now += 4
    assert throttle.left("a") == 6
    moments.now += 6
    assert throttle.left("a") == 0


def test_calls_under_way_together_are_refused_once(throttle: Throttle, moments: Moments) -> None:
    """Sixteen refusals of calls that were sent before the first came back are one."""
    for _ in range(16):
        assert throttle.refused("a", 1000, None) == 1
        moments.now += 0.01
    assert throttle.left("a") == pytest.approx(0.99)


def test_refusals_in_a_row_are_waited_out_longer(throttle: Throttle, moments: Moments) -> None:
    """Each is twice as long as the one before; the fifth is the last."""
    own: list[float | None] = []
    others: list[float] = []
    for _ in range(REFUSALS_TO_STOP + 1):
        own.append(throttle.refused("a", moments(), None))
        others.append(throttle.left("a"))
        moments.now += others[-1]
    assert own == [1, 2, 4, 8, None, None]
    assert others == [1, 2, 4, 8, 10, 10]


def test_a_long_wait_is_its_own_calls(throttle: Throttle, moments: Moments) -> None:
    """On another call's word nobody waits longer than ten seconds: one answer may be odd."""
    assert throttle.refused("a", moments(), 3600) == 3600
    assert throttle.left("a") == 10


@pytest.mark.parametrize(
    "over",
    [
        lambda throttle, moments: throttle.served("a", moments()),
        lambda _, moments: moments.sleep(90),
    ],
    ids=["served", "long ago"],
)
def test_a_host_that_recovers_begins_anew(
    throttle: Throttle, moments: Moments, over: Callable[[Throttle, Moments], object]
) -> None:
    """An answer, or a minute in which nobody asked, ends the row of refusals."""
    for _ in range(REFUSALS_TO_STOP):
        throttle.refused("a", moments(), None)
        moments.now += 10
    over(throttle, moments)
    assert throttle.left("a") == 0
    assert throttle.refused("a", moments(), None) == 1
    assert throttle.left("a") == 1


def test_an_answer_from_before_ends_no_wait(throttle: Throttle, moments: Moments) -> None:
    """An answer to a call that was sent before the refusal says nothing of the time since."""
    moments.now += 1
    throttle.refused("a", 1000.5, 10)
    throttle.served("a", 1000.0)
    assert throttle.left("a") == 10


def test_made_up_hosts_fill_no_memory(throttle: Throttle, moments: Moments) -> None:
    """Of any number of hosts that throttle at once a few hundred are known, the last one too."""
    for number in range(1000):
        throttle.refused(f"host-{number}", moments(), 10)
        moments.now += 0.001
    waiting = [number for number in range(1000) if throttle.left(f"host-{number}")]
    assert waiting == list(range(744, 1000))
    moments.now += 400
    throttle.refused("one-more", moments(), 10)
    assert throttle.left("one-more") == 10


def test_any_number_of_threads_may_note(throttle: Throttle, moments: Moments) -> None:
    """Whatever comes at once, what is left is one host with one time."""

    def note(number: int) -> None:
        host = f"host-{number % 3}"
        throttle.refused(host, moments(), 10)
        if number % 3:
            throttle.served(host, moments() + 1)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(note, range(600)))
    assert [throttle.left(f"host-{number}") for number in range(3)] == [10, 0, 0]
