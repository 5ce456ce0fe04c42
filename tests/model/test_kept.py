"""Histories that once broke a rule, each with what was wrong; they are run as they were."""

from collections.abc import Sequence

import pytest

from tests.model.actors import Fate
from tests.model.steps import Mark, Remove, Retag, Run, Set, Step, Sweep, Together, repeat
from tests.model.values import Shape

ORDERS = (("k8s-secret", "orders"),)

KEPT: dict[str, tuple[Step, ...]] = {
    # The own Secret's state was lost, and the tag moved its key before it was known again: the key
    # was taken away before the other Secret had it.
    "moved-by-tag-after-the-state-was-lost": (
        Set(0, "a"),
        Sweep(),
        Mark(0, "", "state"),
        Retag(0, "a", ORDERS),
        Run(0),
    ),
    # The same, and the secret cannot be read under its new tags: nothing tells which keys it had.
    "unread-after-the-state-was-lost": (
        Set(0, "c", Shape.JSON, (("k8s-expand", "json"),)),
        Sweep(),
        Mark(0, "", "state"),
        Retag(0, "c", (*ORDERS, ("k8s-key", "K"))),
        Run(0, fates=((4, Fate.FAIL), (5, Fate.FAIL), (6, Fate.FAIL))),
    ),
    # The server ignores the resourceVersion of a Secret that is gone: a plan for what was there
    # made it anew.
    "deleted-between-read-and-write": (
        Set(0, "a"),
        Sweep(),
        Set(0, "b"),
        Together((Run(0), Remove(0, "")), (0, 0, 0, 0, 1)),
    ),
}


@pytest.mark.parametrize("steps", KEPT.values(), ids=KEPT.keys())
def test_what_once_broke_a_rule_keeps_all_of_them(steps: Sequence[Step]) -> None:
    """A history that found a defect breaks no rule any more."""
    repeat(steps, vaults=1)
