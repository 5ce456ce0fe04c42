"""Every order of the remote calls of a few that race keeps every rule."""

import pytest

from tests.model.interleavings import SMALL, Scenario


@pytest.mark.parametrize("scenario", SMALL.values(), ids=SMALL.keys())
def test_every_order_keeps_every_rule(scenario: Scenario) -> None:
    """In whatever order the calls of instances and changes fall, no rule is broken."""
    assert scenario.walk() > 10
