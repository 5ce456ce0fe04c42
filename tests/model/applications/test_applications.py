"""The model of applications: histories keep every rule, and what breaks the app is caught."""

from collections.abc import Sequence

import pytest

from tests.model.applications.machine import explore
from tests.model.applications.mutants import MUTANTS
from tests.model.applications.steps import Step, repeat, rules_broken
from tests.model.mutants import Mutant

KEPT: dict[str, tuple[Step, ...]] = {}


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
