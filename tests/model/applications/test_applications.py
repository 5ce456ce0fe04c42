"""The model of applications: histories keep every rule, and what breaks the app is caught."""

from collections.abc import Sequence

import pytest

from tests.model.applications.machine import explore
from tests.model.applications.mutants import MUTANTS
from tests.model.applications.steps import (
    DEPLOYMENTS,
    Declare,
    Erase,
    Pass,
    repeat,
    rules_broken,
)
from tests.model.mutants import Mutant
from tests.model.steps import Retag, Set, Step
from tests.model.values import Shape

_ANOTHERS = (
    Set(0, "a"),
    Declare("web", ("a", "b")),
    Pass(),
    Erase("web"),
    Pass(),
    Declare("web", ("a",), DEPLOYMENTS),
    Pass(),
)
"""A Secret that was emptied is another application's by now."""

KEPT: dict[str, tuple[Step, ...]] = {
    # The other application wrote the Secret before it was remembered as that one's, so nothing
    # found it again when its object was deleted before the next pass.
    "emptied-and-taken": (*_ANOTHERS, Erase("web", DEPLOYMENTS)),
    # Two objects led to an emptied Secret and had no variables for it: each wrote its refusals into
    # it in every pass.
    "emptied-and-wanted-by-two": (
        *_ANOTHERS[:3],
        Retag(0, "a", (("k8s-sync", "false"),)),
        Pass(),
        Declare("web", ("a", "b"), DEPLOYMENTS),
        Set(0, "b", Shape.JSON),
        Set(0, "a"),
    ),
}


def test_histories_keep_every_rule() -> None:
    """Whatever happens, an application has what it lists, and loses nothing that it lists."""
    found = explore(15)
    assert found.broken is None, found


@pytest.mark.parametrize("steps", KEPT.values(), ids=KEPT.keys())
def test_what_once_broke_a_rule_keeps_all_of_them(steps: Sequence[Step]) -> None:
    """A history that found a defect breaks no rule any more."""
    repeat(steps)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_application_is_caught(mutant: Mutant) -> None:
    """Its history breaks its rule with the mutant, and none without."""
    assert not rules_broken(mutant.killer)
    with mutant.alive():
        assert mutant.rule in rules_broken(mutant.killer)
