"""Random histories of the real app over the emulators keep every rule: a fast part of them."""

from tests.model.machine import explore


def test_histories_keep_every_rule() -> None:
    """Whatever happens in whatever order, no rule is broken and one pass makes all agree."""
    found = explore(60)
    assert found.broken is None, found
