"""docs/compare.md shows a rehearsed rotation as it goes today."""

from tests.functional.rotation import recording
from tests.functional.world import World


def test_the_page_shows_what_a_rehearsal_prints(world: World) -> None:
    """A good version arrives, a wrong one is refused at once and the last good one stays."""
    record = recording.run(world)
    codes = [line for line in record.splitlines() if line.startswith("exit code")]
    assert codes == [f"exit code {code}" for code in (0, 0, 1, 1, 0)]
    assert recording.PAGE.read_text("utf-8") == recording.rewritten(record)
